"""A generation that passed the guard, and that no answers could be made of, row by row."""

from __future__ import annotations

from cell_samples import changes, entry, position, tree

from dns_frontend.plan.cell import (
    Acknowledge,
    BaseArrived,
    CellState,
    CheckpointArrived,
    DeltaArrived,
    PinPlaced,
    Rules,
    Serve,
    ServeFailed,
    Snapshot,
    TakeBack,
    step,
)
from dns_frontend.plan.entry import Health, ServiceEntry
from dns_frontend.plan.guard import Rule

UP = Health.HEALTHY
RULES = Rules(retry_seconds=5.0)
CART, BAD, TILL = (entry(f"shop/{name}", UP) for name in ("cart", "bad", "till"))


def snapshot(generation: int, *services: ServiceEntry) -> Snapshot:
    content = tree(*services)
    return Snapshot(position(generation, content.digest), content)


ONE, TWO, THREE = snapshot(1, CART), snapshot(2, CART, BAD), snapshot(3, CART, BAD, TILL)
FAILED = ServeFailed(10.0, TWO, ONE, "it cannot be")
REFUSING, EFFECTS = step(CellState("east", TWO), FAILED, RULES)


def delta(before: Snapshot, after: Snapshot, now: float) -> DeltaArrived:
    changed, removed = before.tree.difference(after.tree)
    return DeltaArrived(now, after.position, before.position.generation, changed, removed)


def test_the_one_before_is_answered_from_again() -> None:
    """And the registry hears why; the chain is followed on what failed."""
    assert REFUSING.served == ONE
    assert REFUSING.head == TWO
    told, back = EFFECTS
    assert isinstance(told, Acknowledge)
    assert told.finding is not None
    assert (told.finding.rule, told.finding.reason) == (Rule.UNSERVABLE, "it cannot be")
    assert back == TakeBack(ONE)


def test_it_stays_refused_however_often_it_is_sent_and_confirmed() -> None:
    """Time does not mend it."""
    for event in (
        CheckpointArrived(1e9, 1, 2),
        BaseArrived(1e9, TWO.position, TWO.tree),
        CheckpointArrived(2e9, 1, 2),
    ):
        after, effects = step(REFUSING, event, RULES)
        assert after == REFUSING
        assert not any(isinstance(each, Serve) for each in effects)


def at(found: Snapshot | None) -> int:
    return found.position.generation if found else 0


def test_the_next_is_tried_after_a_while() -> None:
    """Each trial costs the whole cell's answers, so that they are not made one after another."""
    state, effects = step(REFUSING, delta(TWO, THREE, 11.0), RULES)
    assert (at(state.served), at(state.head)) == (1, 3)
    assert [type(each) for each in effects] == [Acknowledge]
    state, effects = step(state, CheckpointArrived(14.9, 1, 3), RULES)
    assert effects == ()
    state, effects = step(state, CheckpointArrived(15.0, 1, 3), RULES)
    (serve,) = (each for each in effects if isinstance(each, Serve))
    assert serve.changed == changes(BAD, TILL)
    assert at(state.served) == 3
    # and at once when enough time has passed
    state, _ = step(REFUSING, delta(TWO, THREE, 15.0), RULES)
    assert at(state.served) == 3


def test_what_was_accepted_since_waits_as_the_head() -> None:
    """It was to be served as a step from what failed."""
    state, effects = step(CellState("east", THREE), FAILED, RULES)
    assert (state.served, state.head) == (ONE, THREE)
    assert effects[-1] == TakeBack(ONE)
    assert state.refused is not None
    assert state.refused.waits
    state, _ = step(state, CheckpointArrived(15.0, 1, 3), RULES)
    assert state.served == THREE


def test_names_held_before_are_held_again() -> None:
    """The failed one's own are none of the head's content."""
    held = changes(TILL)
    before = Snapshot(ONE.position, ONE.tree, held)
    failed = Snapshot(TWO.position, TWO.tree, held)
    event = ServeFailed(10.0, failed, before, "no")
    state, effects = step(CellState("east", failed), event, RULES)
    assert state.served == before
    assert state.head == TWO
    assert effects[-1] == TakeBack(before)


def test_the_first_generation_leaves_nothing() -> None:
    """A cell that was never served is as if it were not known."""
    state, effects = step(CellState("east", TWO), ServeFailed(1.0, TWO, None, "no"), RULES)
    assert (state.served, state.head) == (None, TWO)
    assert effects[-1] == TakeBack(None)


def test_a_pin_that_cannot_be_served_is_given_up() -> None:
    """What the chain had before it is answered from; what came meanwhile has its turn."""
    pin = snapshot(9, BAD)
    state, _ = step(CellState("east", ONE), PinPlaced(1.0, pin, "by hand"), RULES)
    assert state.served is not None
    failed = ServeFailed(2.0, state.served, ONE, "no")
    after, effects = step(state, failed, RULES)
    assert (after.pin, after.served, after.head, after.refused) == ("", ONE, ONE, None)
    assert effects[-1] == TakeBack(ONE)
    state, _ = step(state, delta(ONE, snapshot(2, CART, TILL), 1.5), RULES)
    after, _ = step(state, failed, RULES)
    assert after.head is not None
    assert (after.served, after.head.position.generation) == (ONE, 2)
    after, _ = step(after, CheckpointArrived(10.0, 1, 2), RULES)
    assert after.served is not None
    assert after.served.position.generation == 2
