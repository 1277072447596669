"""Names that a cell loses by accident are held, each by itself, row by row of the tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import pytest
from cell_samples import changes, entry, keys, position, published, tree

from dns_frontend.plan.cell import (
    Acknowledge,
    BaseArrived,
    CellState,
    CheckpointArrived,
    DeltaArrived,
    Effect,
    Persist,
    PinLifted,
    PinPlaced,
    Rules,
    Serve,
    Snapshot,
    step,
)
from dns_frontend.plan.digest import EntryTree, Published
from dns_frontend.plan.entry import Health, Policy, ServiceEntry
from dns_frontend.plan.guard import Limits, Rule, judge
from dns_frontend.plan.holding import held_over, mended, told, turn
from dns_frontend.plan.substitute import distrust

UP, SICK, NEW = Health.HEALTHY, Health.UNHEALTHY, Health.UNKNOWN
ZERO = Policy(scale_to_zero=True)
RULES = Rules(Limits())
CART, DESK, TILL = (entry(f"shop/{name}", UP) for name in ("cart", "desk", "till"))
MOVED = entry("shop/cart", SICK, UP)
GONE = entry("shop/desk", tombstoned=True)
DESK_KEY = "shop/desk"
BOTH = tree(CART, DESK)


@pytest.mark.parametrize("was_held", [False, True])
@pytest.mark.parametrize(
    ("answered", "after", "is_held"),
    [
        (None, None, False),
        (None, entry("shop/desk"), False),
        (entry("shop/desk", tombstoned=True), None, False),
        (entry("shop/desk", tombstoned=True), entry("shop/desk", UP), False),
        (DESK, None, True),
        (entry("shop/desk"), None, True),
        (DESK, GONE, False),
        (DESK, entry("shop/desk", policy=ZERO), False),
        (DESK, entry("shop/desk"), True),
        (DESK, entry("shop/desk", NEW), True),
        (DESK, entry("shop/desk", SICK), False),
        (entry("shop/desk"), entry("shop/desk", NEW), False),
    ],
)
def test_what_becomes_of_a_name(
    answered: ServiceEntry | None, after: ServiceEntry | None, is_held: bool, was_held: bool
) -> None:
    """Held is what was answered last, until it is deleted or there is something to say again."""
    if was_held and (answered is None or answered.tombstoned):
        pytest.skip("such a name is never held")
    # what is held counts, whatever the generation served said of the name
    served = tree(CART) if was_held or answered is None else tree(CART, answered)
    held = changes(answered) if was_held and answered is not None else {}
    candidate = tree(CART) if after is None else tree(CART, after)
    found = held_over(served, held, candidate, served.difference(candidate))
    assert found == (changes(answered) if is_held and answered is not None else {})


def test_a_turn_is_what_answers_have_to_take_in() -> None:
    """Of a name that is held, and stays so, nothing changes; one released is as published."""
    old, new = tree(CART, DESK), tree(MOVED, TILL)
    assert turn(old, {}, tree(MOVED, DESK), {}) == (changes(MOVED), (), {})
    changed, removed, held = turn(old, {}, new, changes(DESK))
    assert (keys(changed), removed, keys(held)) == (["shop/cart", "shop/till"], (), [DESK_KEY])
    changed, removed, held = turn(new, changes(DESK), tree(MOVED), changes(DESK))
    assert (keys(changed), removed, keys(held)) == ([], ("shop/till",), [])
    changed, removed, held = turn(new, changes(DESK), tree(MOVED, TILL, GONE), {})
    assert (changed, removed, held) == (changes(GONE), (), {})
    assert turn(new, changes(DESK), new, {}).removed == (DESK_KEY,)


def test_names_told_are_few() -> None:
    """An acknowledgement does not grow with what is held."""
    many = changes(*(entry(f"shop/s{number:03d}", UP) for number in range(100)))
    assert told(many) == tuple(f"shop/s{number:03d}" for number in range(20))


def base(generation: int, content: EntryTree) -> BaseArrived:
    return BaseArrived(1.0, position(generation, content.digest), content)


def delta(
    generation: int, after: EntryTree, *changed: ServiceEntry, removed: Sequence[str] = ()
) -> DeltaArrived:
    at = position(generation, after.digest)
    return DeltaArrived(2.0, at, generation - 1, changes(*changed), tuple(removed))


def run(
    *events: BaseArrived | DeltaArrived | CheckpointArrived | PinPlaced | PinLifted,
    state: CellState | None = None,
) -> tuple[CellState, tuple[Effect, ...]]:
    state, effects = state or CellState("east"), ()
    for event in events:
        state, effects = step(state, event, RULES)
    return state, effects


Kind = TypeVar("Kind", bound=Effect)


def effect(effects: Sequence[Effect], kind: type[Kind]) -> Kind:
    (found,) = (each for each in effects if isinstance(each, kind))
    return found


def held(state: CellState) -> list[str]:
    assert state.served is not None
    assert state.served.tree.digest == state.served.position.digest, "I6"
    return sorted(state.served.held)


def test_a_lost_name_is_held_and_the_others_go_on() -> None:
    """One name's fault is one name's: the generation is served, written, and said to be (I20)."""
    state, effects = run(base(7, BOTH), delta(8, tree(MOVED), MOVED, removed=[DESK_KEY]))
    assert held(state) == [DESK_KEY]
    assert effect(effects, Persist).snapshot is state.served
    serve = effect(effects, Serve)
    assert (keys(serve.changed), serve.removed, keys(serve.held)) == (["shop/cart"], (), [DESK_KEY])
    told_of = effect(effects, Acknowledge)
    assert (told_of.finding, list(told_of.held)) == (None, [DESK_KEY])


HOLDING, _ = run(base(7, BOTH), delta(8, tree(CART), removed=[DESK_KEY]))


def test_deltas_on_a_generation_with_held_names_are_of_the_registrys_content() -> None:
    """Their digest is of what is published; what is held stays beside it, for many steps."""
    state, effects = run(
        delta(9, tree(MOVED), MOVED), delta(10, tree(MOVED, TILL), TILL), state=HOLDING
    )
    assert held(state) == [DESK_KEY]
    serve = effect(effects, Serve)
    assert (keys(serve.changed), serve.removed, dict(serve.held)) == (["shop/till"], (), {})
    assert list(effect(effects, Acknowledge).held) == [DESK_KEY]


def test_a_base_and_a_checkpoint_leave_what_is_held() -> None:
    """Also the same generation sent again, which is acknowledged with what is held."""
    state, effects = run(base(8, tree(CART)), state=HOLDING)
    assert (held(state), list(effect(effects, Acknowledge).held)) == ([DESK_KEY], [DESK_KEY])
    state, _ = run(CheckpointArrived(3.0, 1, 8), base(20, tree(MOVED)), state=state)
    assert held(state) == [DESK_KEY]


@pytest.mark.parametrize("again", [entry(DESK_KEY, SICK), GONE, entry(DESK_KEY, policy=ZERO)])
def test_a_name_is_released_by_a_word_on_it(again: ServiceEntry) -> None:
    """It is served again, or deleted, or its owner said that it may be empty."""
    state, effects = run(delta(9, tree(CART, again), again), state=HOLDING)
    assert held(state) == []
    assert effect(effects, Serve).changed == changes(again)


def test_a_name_that_comes_back_without_endpoints_is_held_on() -> None:
    """Its instance registered anew and is not validated yet: there is nothing to answer with."""
    waiting = entry(DESK_KEY, NEW)
    state, effects = run(delta(9, tree(CART, waiting), waiting), state=HOLDING)
    assert held(state) == [DESK_KEY]
    assert effect(effects, Serve).changed == {}
    state, effects = run(delta(10, tree(CART, DESK), DESK), state=state)
    assert held(state) == []
    assert effect(effects, Serve).changed == changes(DESK)


MANY = [entry(f"shop/s{number:03d}", UP) for number in range(200)]


@pytest.mark.parametrize(
    ("lost", "already", "rule"),
    [
        (20, 0, None),
        (40, 0, None),
        (41, 0, Rule.EMPTIED),
        (40, 60, None),
        (199, 0, Rule.EMPTIED),
    ],
)
def test_a_share_of_the_cell_lost_at_once_is_a_partial_read(
    lost: int, already: int, rule: Rule | None
) -> None:
    """A fifth of the live names may be lost in one step, or twenty, and no more (I7)."""
    before = changes(*MANY[:already])
    served = tree(*MANY[already:])
    candidate = tree(*MANY[already + lost :])
    difference = served.difference(candidate)
    after = held_over(served, before, candidate, difference)
    assert len(after) == already + lost
    finding = judge(served, candidate, difference, 1, Limits(), already=before, held=after)
    assert (finding and finding.rule) is rule
    assert finding is None or finding.may_pass


def test_a_small_cell_may_lose_all_its_names() -> None:
    """They are all held: no share of a few says what was read."""
    state, _ = run(base(7, BOTH), delta(8, EntryTree(), removed=["shop/cart", DESK_KEY]))
    assert held(state) == ["shop/cart", DESK_KEY]


def test_what_is_held_takes_room_like_the_rest() -> None:
    """A registry that makes up names and drops them does not fill our memory (I9)."""
    rules = Rules(Limits(services=3))
    state, _ = step(CellState("east"), base(1, tree(CART, DESK)), rules)
    state, _ = step(state, delta(2, tree(CART), removed=[DESK_KEY]), rules)
    more = entry("shop/more", UP)
    _, effects = step(state, delta(3, tree(CART, TILL, more), TILL, more), rules)
    finding = effect(effects, Acknowledge).finding
    assert finding is not None
    assert finding.rule is Rule.LIMIT


def test_deleting_what_is_held_counts_as_deleting() -> None:
    """Mass deletion is as suspicious when the names were lost before."""
    served, before = tree(*MANY[100:]), changes(*MANY[:100])
    tombs = [entry(each.key.entry, tombstoned=True) for each in MANY[:150]]
    candidate = tree(*tombs, *MANY[150:])
    difference = served.difference(candidate)
    finding = judge(served, candidate, difference, 1, Limits(), already=before, held={})
    assert finding is not None
    assert finding.rule is Rule.LOSS


def test_a_pin_and_its_end_lose_no_held_name() -> None:
    """What was held before is held after; the pin's own held names are answered meanwhile."""
    pinned = tree(CART)
    pin = Snapshot(position(5, pinned.digest), pinned, changes(TILL))
    state, effects = run(PinPlaced(3.0, pin, "by hand"), state=HOLDING)
    serve = effect(effects, Serve)
    assert (serve.removed, keys(serve.held)) == ((DESK_KEY,), ["shop/till"])
    state, effects = run(PinLifted(4.0), state=state)
    assert held(state) == [DESK_KEY]
    serve = effect(effects, Serve)
    assert (serve.removed, keys(serve.held)) == (("shop/till",), [DESK_KEY])


def test_a_known_good_in_the_place_of_a_suspect_keeps_what_is_held() -> None:
    """Of both; but not what the suspect knows to be deleted, nor what the good one serves."""
    content = tree(entry("shop/desk", tombstoned=True), CART)
    fresh = Snapshot(position(9, content.digest), content, changes(TILL, MOVED))
    old = tree(CART)
    good = Snapshot(position(5, old.digest), old, changes(DESK, entry("shop/past", UP)))
    state = distrust(fresh, good, 1.0)
    assert held(state) == ["shop/past", "shop/till"]


def test_nothing_held_is_nothing_told() -> None:
    """The usual case: a step without an accident says nothing of held names."""
    _, effects = run(base(7, tree(CART)), delta(8, tree(CART, DESK), DESK))
    assert effect(effects, Acknowledge).held == {}
    assert published(DESK).fault == ""


def bad(item: ServiceEntry) -> Published:
    return published(item, "a fault that a newer guard finds")


@pytest.mark.parametrize(
    ("older", "answered"),
    [
        ([], bad(DESK)),
        ([tree(CART)], bad(DESK)),
        ([EntryTree().replace({DESK_KEY: bad(entry(DESK_KEY, SICK))}, ())], bad(DESK)),
        ([tree(GONE)], bad(DESK)),
        ([tree(GONE), tree(entry(DESK_KEY, SICK))], published(entry(DESK_KEY, SICK))),
        ([tree(entry(DESK_KEY, UP, UP)), tree(DESK)], published(entry(DESK_KEY, UP, UP))),
    ],
)
def test_an_entry_from_disk_with_a_fault_is_one_names_matter(
    older: list[EntryTree], answered: Published
) -> None:
    """An older one without a fault is held in its place; else it is, as it was answered (I7)."""
    content = tree(CART).replace({DESK_KEY: bad(DESK)}, ())
    assert mended(content, {}, older) == {DESK_KEY: answered}
    assert mended(content, changes(DESK), older) == changes(DESK)
    assert mended(tree(CART), {}, older) == {}
    assert mended(tree(CART).replace({DESK_KEY: bad(GONE)}, ()), {}, older) == {}


def test_what_is_held_for_a_fault_is_released_by_a_sound_entry() -> None:
    """And by nothing less: the registry says the same as before of it all along."""
    content = tree(CART).replace({DESK_KEY: bad(DESK)}, ())
    newest = Snapshot(position(8, content.digest), content, {DESK_KEY: bad(DESK)})
    state = CellState("east", served=newest)
    at = position(9, content.replace(changes(TILL), ()).digest)
    state, effects = step(state, DeltaArrived(1.0, at, 8, changes(TILL), ()), RULES)
    assert held(state) == [DESK_KEY]
    assert effect(effects, Serve).changed == changes(TILL)
    sound = entry(DESK_KEY, UP, revision=5)
    assert state.served is not None
    after = state.served.tree.replace(changes(sound), ())
    event = DeltaArrived(2.0, position(10, after.digest), 9, changes(sound), ())
    state, effects = step(state, event, RULES)
    assert held(state) == []
    assert effect(effects, Serve).changed == changes(sound)
