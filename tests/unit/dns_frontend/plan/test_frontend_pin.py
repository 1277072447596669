"""Breaking the glass: what an operator pins is served, within the bounds that stay."""

from __future__ import annotations

from collections.abc import Sequence

from cell_samples import changes, entry, keys, position, tree

from dns_frontend.plan.cell import (
    Acknowledge,
    CellState,
    DeltaArrived,
    Effect,
    PinLifted,
    PinPlaced,
    Rules,
    Serve,
    Snapshot,
    step,
)
from dns_frontend.plan.digest import EntryTree
from dns_frontend.plan.entry import Health, ServiceEntry
from dns_frontend.plan.guard import Limits, Rule

UP = Health.HEALTHY
RULES = Rules(Limits(services=3, emptied_floor_services=0))
CART, DESK, TILL = (entry(f"shop/{name}", UP) for name in ("cart", "desk", "till"))
WORD = "break-glass by root at noon: wrong addresses"


def snapshot(generation: int, *services: ServiceEntry, epoch: int = 1) -> Snapshot:
    content = tree(*services)
    return Snapshot(position(generation, content.digest, epoch), content)


OLD, NEW = snapshot(3, CART), snapshot(9, CART, DESK, epoch=2)
FOLLOWING = CellState("east", served=NEW)


def delta(generation: int, after: EntryTree, *changed: ServiceEntry) -> DeltaArrived:
    at = position(generation, after.digest, 2)
    return DeltaArrived(2.0, at, generation - 1, changes(*changed), ())


def served(effects: Sequence[Effect]) -> Serve:
    (found,) = (effect for effect in effects if isinstance(effect, Serve))
    return found


def test_older_content_is_served_where_the_chain_stands() -> None:
    """The position does not go back (I1); the registry hears why its head is not served."""
    state, effects = step(FOLLOWING, PinPlaced(1.0, OLD, WORD), RULES)
    assert state.pin == WORD
    assert state.served is not None
    assert (state.served.order, state.served.tree) == (NEW.order, OLD.tree)
    assert (keys(served(effects).changed), served(effects).removed) == ([], ("shop/desk",))
    assert state.head == NEW
    told = effects[-1]
    assert isinstance(told, Acknowledge)
    assert told.finding is not None
    assert (told.position, told.finding.rule, told.finding.reason) == (
        NEW.position,
        Rule.PINNED,
        WORD,
    )


def test_a_frontend_that_knows_nothing_serves_a_pin() -> None:
    """As after a black start, with nobody to ask (I22)."""
    state, effects = step(CellState("east"), PinPlaced(1.0, OLD, WORD), RULES)
    assert state.served == OLD
    assert served(effects).whole
    assert state.head is None or state.head == OLD


def test_a_pin_beyond_the_limits_is_refused() -> None:
    """Breaking the glass skips waiting, not bounds (I9)."""
    large = snapshot(4, CART, DESK, TILL, entry("shop/more", UP))
    state, effects = step(FOLLOWING, PinPlaced(1.0, large, WORD), RULES)
    assert state == FOLLOWING
    (told,) = effects
    assert isinstance(told, Acknowledge)
    assert told.finding is not None
    assert told.finding.rule is Rule.LIMIT


def test_the_chain_is_followed_unserved_and_taken_up_when_the_pin_is_lifted() -> None:
    """What came meanwhile is served at once, without asking for it anew."""
    state, _ = step(FOLLOWING, PinPlaced(1.0, OLD, WORD), RULES)
    after = tree(CART, DESK, TILL)
    state, effects = step(state, delta(10, after, TILL), RULES)
    assert not any(isinstance(effect, Serve) for effect in effects)
    assert state.served is not None
    assert state.served.tree is OLD.tree
    state, effects = step(state, PinLifted(3.0), RULES)
    assert (state.pin, state.refused) == ("", None)
    assert served(effects).snapshot.order == (2, 10)
    assert keys(served(effects).changed) == ["shop/desk", "shop/till"]


def test_lifting_brings_the_head_back_that_was_served_before() -> None:
    """Also when the registry said nothing all along."""
    state, _ = step(FOLLOWING, PinPlaced(1.0, OLD, WORD), RULES)
    state, effects = step(state, PinLifted(2.0), RULES)
    assert state.served == NEW
    assert keys(served(effects).changed) == ["shop/desk"]


def test_a_second_pin_replaces_the_first_and_a_second_lift_is_nothing() -> None:
    """Run twice, by hands that shake."""
    state, _ = step(FOLLOWING, PinPlaced(1.0, OLD, WORD), RULES)
    state, _ = step(state, PinPlaced(1.5, snapshot(4, TILL), "again"), RULES)
    assert (state.pin, state.head) == ("again", NEW)
    state, _ = step(state, PinLifted(2.0), RULES)
    assert step(state, PinLifted(2.1), RULES) == (state, ())
    assert state.served == NEW


def test_a_head_that_the_guard_refuses_is_refused_after_a_pin_as_well() -> None:
    """What was served before the pin is what counts (I7): the pin is no way round the guard."""
    state, _ = step(FOLLOWING, PinPlaced(1.0, OLD, WORD), RULES)
    emptied = EntryTree().replace(changes(CART), ())
    at = position(10, emptied.digest, 2)
    state, _ = step(state, DeltaArrived(2.0, at, 9, {}, ("shop/desk",)), RULES)
    state, effects = step(state, PinLifted(3.0), RULES)
    assert state.served == NEW
    assert state.refused is not None
    assert state.refused.finding.rule is Rule.EMPTIED
    assert keys(served(effects).changed) == ["shop/desk"]
