"""One cell's steps, row by row of the tables in `plan/cell.py`."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from cell_samples import changes, entry, position, tree
from hypothesis import given, settings
from hypothesis import strategies as st

from dns_frontend.plan.cell import (
    Acknowledge,
    BaseArrived,
    CellState,
    CheckpointArrived,
    DeltaArrived,
    Doubt,
    Effect,
    Event,
    Ignore,
    Persist,
    Resync,
    Rules,
    Serve,
    Vanity,
    step,
)
from dns_frontend.plan.digest import EntryTree, Published
from dns_frontend.plan.entry import Health, ServiceEntry
from dns_frontend.plan.guard import Limits, Rule

UP = Health.HEALTHY
RULES = Rules(
    Limits(loss_floor_services=1, emptied_floor_services=0, emptied_share=0.4),
    suspicion_seconds=300,
)
"""One name of two is too many to lose at once."""
CART, DESK = entry("shop/cart", UP), entry("shop/desk", UP)
ONE, BOTH = tree(CART), tree(CART, DESK)


def base(generation: int, content: EntryTree, epoch: int = 1, now: float = 0.0) -> BaseArrived:
    return BaseArrived(now, position(generation, content.digest, epoch), content)


def delta(
    generation: int,
    after: EntryTree,
    *changed: ServiceEntry,
    removed: Sequence[str] = (),
    epoch: int = 1,
    parent: int | None = None,
    now: float = 0.0,
) -> DeltaArrived:
    return DeltaArrived(
        now,
        position(generation, after.digest, epoch),
        generation - 1 if parent is None else parent,
        changes(*changed),
        tuple(removed),
    )


def run(*events: Event, state: CellState | None = None) -> tuple[CellState, tuple[Effect, ...]]:
    state, effects = state or CellState("east"), ()
    for event in events:
        state, effects = step(state, event, RULES)
    return state, effects


def shape(effects: Sequence[Effect]) -> list[object]:
    """Effects as words: what a table can compare."""
    words: list[object] = []
    for effect in effects:
        match effect:
            case Resync(doubt):
                words.append(doubt)
            case Ignore(vanity):
                words.append(vanity)
            case Acknowledge(at, finding):
                words.append((at.generation, finding.rule if finding else "applied"))
            case Persist() | Serve():
                words.append(type(effect).__name__)
    return words


APPLIED = ["Persist", "Serve"]


@pytest.mark.parametrize(
    ("before", "event", "expected"),
    [
        ([], base(7, ONE), [*APPLIED, (7, "applied")]),
        ([], base(0, EntryTree()), [*APPLIED, (0, "applied")]),
        ([base(7, ONE)], base(6, ONE), [(6, Rule.OLDER)]),
        ([base(7, ONE, epoch=3)], base(9, ONE, epoch=2), [(9, Rule.OLDER)]),
        ([base(7, ONE)], base(7, ONE), [(7, "applied")]),
        ([base(7, ONE)], base(7, BOTH), [(7, Rule.CONFLICT)]),
        ([base(7, ONE)], base(9, BOTH), [*APPLIED, (9, "applied")]),
        ([base(7, ONE)], base(3, BOTH, epoch=2), [*APPLIED, (3, "applied")]),
        (
            [],
            BaseArrived(0.0, position(7, BOTH.digest), ONE),
            [(7, Rule.DIGEST), Doubt.DIGEST],
        ),
    ],
)
def test_a_base_is_taken_only_forward(
    before: list[Event], event: Event, expected: list[object]
) -> None:
    """A base behind the head is refused, at the head confirmed, ahead of it taken (I1, I6)."""
    _, effects = run(*before, event)
    assert shape(effects) == expected


@pytest.mark.parametrize(
    ("before", "event", "expected"),
    [
        ([], delta(1, ONE, CART), [Doubt.NO_BASE]),
        ([base(7, ONE)], delta(8, BOTH, DESK), [*APPLIED, (8, "applied")]),
        ([base(7, ONE)], delta(8, BOTH, DESK, epoch=2), [*APPLIED, (8, "applied")]),
        ([base(7, ONE)], delta(9, BOTH, DESK, parent=7), [*APPLIED, (9, "applied")]),
        ([base(7, ONE)], delta(7, BOTH, DESK), [Vanity.OLD]),
        ([base(7, ONE)], delta(6, BOTH, DESK), [Vanity.OLD]),
        ([base(7, ONE, epoch=2)], delta(8, BOTH, DESK, epoch=1), [Vanity.DEPOSED]),
        ([base(7, ONE)], delta(9, BOTH, DESK), [Doubt.GAP]),
        ([base(7, ONE)], delta(5, BOTH, DESK, epoch=2), [Doubt.GAP]),
        ([base(7, ONE)], delta(8, ONE, DESK), [(8, Rule.DIGEST), Doubt.DIGEST]),
    ],
)
def test_a_delta_is_taken_only_on_its_parent(
    before: list[Event], event: Event, expected: list[object]
) -> None:
    """A delta applies to the head alone; older ones are dropped and a gap asks for a base (I1)."""
    _, effects = run(*before, event)
    assert shape(effects) == expected


@pytest.mark.parametrize(
    ("before", "event", "expected", "fresh"),
    [
        ([], CheckpointArrived(5.0, 0, 0), [], False),
        ([], CheckpointArrived(5.0, 1, 4), [Doubt.NO_BASE], False),
        ([base(7, ONE)], CheckpointArrived(5.0, 1, 7), [], True),
        ([base(7, ONE)], CheckpointArrived(5.0, 2, 7), [], True),
        ([base(7, ONE)], CheckpointArrived(5.0, 1, 6), [Vanity.LAGGING], False),
        ([base(7, ONE, epoch=2)], CheckpointArrived(5.0, 1, 7), [Vanity.LAGGING], False),
        ([base(7, ONE)], CheckpointArrived(5.0, 1, 8), [Doubt.GAP], False),
        ([base(7, ONE)], CheckpointArrived(5.0, 2, 6), [Doubt.GAP], False),
    ],
)
def test_a_checkpoint_proves_freshness_or_a_gap(
    before: list[Event], event: Event, expected: list[object], fresh: bool
) -> None:
    """Only a checkpoint at the head makes what is served fresh; one ahead of it shows a loss."""
    state, effects = run(*before, event)
    assert shape(effects) == expected
    assert (state.confirmed_at == 5.0) is fresh


def test_a_step_is_written_served_and_told_in_that_order() -> None:
    """Nobody hears of a generation not on disk, and no registry of one that is not served."""
    _, effects = run(base(7, ONE), delta(8, BOTH, DESK))
    persist, serve, acknowledge = effects
    assert isinstance(persist, Persist)
    assert isinstance(serve, Serve)
    assert isinstance(acknowledge, Acknowledge)
    assert persist.parent is not None
    assert persist.parent.position.generation == 7
    assert list(persist.changed) == ["shop/desk"]
    assert not serve.whole


def test_a_base_for_a_loaded_cell_is_served_as_what_differs() -> None:
    """A whole generation changes only the names that differ from what is served."""
    _, effects = run(base(7, ONE), base(12, BOTH))
    serve = effects[1]
    assert isinstance(serve, Serve)
    assert list(serve.changed) == ["shop/desk"]
    assert not serve.whole


def test_a_refused_generation_leaves_the_old_one_serving() -> None:
    """What the guard refuses changes nothing but the head (I6, I7)."""
    state, effects = run(base(7, BOTH), delta(8, ONE, removed=["shop/desk"]))
    assert shape(effects) == [(8, Rule.EMPTIED)]
    assert state.served is not None
    assert state.served.position.generation == 7
    assert state.head is not None
    assert state.head.position.generation == 8


def test_a_refusal_heals_with_the_first_acceptable_generation() -> None:
    """The chain is followed past a refusal; what is served next is the difference to the served."""
    third = tree(CART, DESK, entry("shop/new", UP))
    state, effects = run(
        base(7, BOTH),
        delta(8, ONE, removed=["shop/desk"]),
        delta(9, third, DESK, entry("shop/new", UP)),
    )
    assert shape(effects) == [*APPLIED, (9, "applied")]
    assert state.refused is None
    persist = effects[0]
    assert isinstance(persist, Persist)
    assert persist.parent is not None
    assert persist.parent.position.generation == 7
    assert list(persist.changed) == ["shop/new"]


def test_while_a_generation_is_refused_nothing_is_fresh() -> None:
    """A checkpoint at a refused head does not make the older one served look fresh (I32)."""
    state, _ = run(
        base(7, BOTH, now=1.0),
        delta(8, ONE, removed=["shop/desk"], now=2.0),
        CheckpointArrived(3.0, 1, 8),
    )
    assert state.confirmed_at == 1.0


def test_a_refusal_is_told_again_when_it_is_sent_again() -> None:
    """A registry that lost our word gets it anew."""
    _, effects = run(base(7, BOTH), delta(8, ONE, removed=["shop/desk"]), base(8, ONE))
    assert shape(effects) == [(8, Rule.EMPTIED)]


def test_what_is_only_suspicious_is_served_after_a_while() -> None:
    """Deleting most of a cell at once is held back, and obeyed when it stands for 300 s (I10)."""
    gone = [entry("shop/cart", tombstoned=True), entry("shop/desk", tombstoned=True)]
    after = tree(*gone)
    state, effects = run(base(7, BOTH), delta(8, after, *gone, now=10.0))
    assert shape(effects) == [(8, Rule.LOSS)]
    state, effects = run(CheckpointArrived(309.0, 1, 8), state=state)
    assert shape(effects) == []
    state, effects = run(CheckpointArrived(310.0, 1, 8), state=state)
    assert shape(effects) == [*APPLIED, (8, "applied")]
    assert state.served is not None
    assert state.served.position.generation == 8


def test_the_wait_is_not_begun_anew_by_further_generations() -> None:
    """A busy cell cannot keep a held-back deletion from ever being served."""
    gone = [entry("shop/cart", tombstoned=True), entry("shop/desk", tombstoned=True)]
    new = entry("shop/new", UP)
    _, effects = run(
        base(7, BOTH),
        delta(8, tree(*gone), *gone, now=10.0),
        delta(9, tree(*gone, new), new, now=200.0),
        CheckpointArrived(311.0, 1, 9),
    )
    assert shape(effects) == [*APPLIED, (9, "applied")]


def test_an_accident_that_stands_is_served_for_all_but_what_it_lost() -> None:
    """Too many names lost at once may not stop the cell for ever (I10), nor end one (I7)."""
    state, effects = run(
        base(7, BOTH), delta(8, ONE, removed=["shop/desk"], now=0.0), CheckpointArrived(299.0, 1, 8)
    )
    assert shape(effects) == []
    state, effects = run(CheckpointArrived(300.0, 1, 8), state=state)
    assert shape(effects) == [*APPLIED, (8, "applied")]
    assert state.served is not None
    assert list(state.served.held) == ["shop/desk"]


keys = st.sampled_from(["a/a", "a/b", "a/c"])
content = st.dictionaries(keys, st.sampled_from(["up", "none", "dead"]), max_size=3)


def tree_of(model: dict[str, str]) -> EntryTree:
    return tree(
        *(
            entry(key, *([UP] if word == "up" else []), tombstoned=word == "dead")
            for key, word in model.items()
        )
    )


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["base", "delta", "checkpoint", "lie"]),
            st.integers(1, 3),
            st.integers(0, 6),
            content,
        ),
        max_size=14,
    ),
    st.sampled_from([0.0, 0.4, 1.0]),
)
@settings(max_examples=300, deadline=None)
def test_no_history_goes_back_or_empties_a_name(
    history: list[tuple[str, int, int, dict[str, str]]], share: float
) -> None:
    """Whatever comes in whatever order: order only rises, digests hold, names stay (I1, I6, I7)."""
    rules = Rules(Limits(loss_floor_services=1, emptied_floor_services=0, emptied_share=share))
    answering: dict[str, Published] = {}
    state = CellState("east")
    for kind, epoch, generation, model in history:
        after = tree_of(model)
        head = state.head.tree if state.head else EntryTree()
        event: Event
        match kind:
            case "base":
                event = base(generation, after, epoch)
            case "delta":
                changed, removed = head.difference(after)
                at = position(generation, after.digest, epoch)
                event = DeltaArrived(0.0, at, generation - 1, changed, removed)
            case "lie":
                stray: dict[str, Published] = changes(entry("a/x", UP))
                at = position(generation, after.digest, epoch)
                event = DeltaArrived(0.0, at, generation - 1, stray, ())
            case _:
                event = CheckpointArrived(0.0, epoch, generation)
        before = state
        state, effects = step(state, event, rules)
        for effect in effects:
            if isinstance(effect, Serve):
                gone = {key: each for key, each in answering.items() if key not in effect.removed}
                answering = gone | dict(effect.changed) | dict(effect.held)
        if before.served is None:
            continue
        assert state.served is not None
        assert state.served.order >= before.served.order
        assert state.served.tree.digest == state.served.position.digest
        answered = dict(state.served.tree) | dict(state.served.held)
        assert answering == answered, "the effects lead to what the state says"
        for key, item in (dict(before.served.tree) | dict(before.served.held)).items():
            if item.entry is None or item.entry.tombstoned:
                continue
            now_answered = answered.get(key)
            assert now_answered is not None
            assert now_answered.entry is not None
            if item.entry.endpoints and not now_answered.entry.tombstoned:
                assert now_answered.entry.endpoints


def test_a_generation_beyond_the_limits_is_not_kept_aside_to_grow_on() -> None:
    """Its deltas find no head to build on, so that a registry cannot fill our memory (I9)."""
    rules = Rules(Limits(services=2))
    three = tree(CART, DESK, entry("shop/till", UP))
    state, _ = step(CellState("east"), base(1, BOTH), rules)
    after, effects = step(state, delta(2, three, entry("shop/till", UP)), rules)
    assert after == state
    assert shape(effects) == [(2, Rule.LIMIT)]
    four = tree(CART, DESK, entry("shop/till", UP), entry("shop/more", UP))
    _, effects = step(after, delta(3, four, entry("shop/more", UP)), rules)
    assert shape(effects) == [Doubt.GAP]


@given(st.lists(st.tuples(st.sampled_from(["lost", "grown", "large"]), st.booleans()), max_size=30))
@settings(max_examples=50, deadline=None)
def test_of_all_that_is_refused_one_generation_is_kept(history: list[tuple[str, bool]]) -> None:
    """However many come, whole or in steps; none is written, all are within the limits (I9)."""
    limits = Limits(services=8, growth_floor_services=2, emptied_floor_services=0)
    rules = Rules(limits)
    state, _ = step(CellState("east"), base(1, BOTH), rules)
    for at, (kind, whole) in enumerate(history, 2):
        count = {"lost": 0, "grown": 7, "large": 9}[kind]
        content = tree(*(entry(f"a/s{at}-{n}", UP) for n in range(count)))
        assert state.head is not None
        event: Event = base(at, content)
        if not whole:
            changed, removed = state.head.tree.difference(content)
            head = state.head.position.generation
            event = DeltaArrived(0.0, position(at, content.digest), head, changed, removed)
        state, effects = step(state, event, rules)
        assert not any(isinstance(each, Persist) for each in effects)
        assert state.served is not None
        assert state.served.position.generation == 1
        assert len(state.head.tree if state.head else ()) <= limits.services
