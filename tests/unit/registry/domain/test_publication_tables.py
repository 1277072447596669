"""The truth tables of publication, row by row."""

from __future__ import annotations

import pytest

from registry.domain.gc import Keep, Reach, Reason, StoredPlan, reason_to_keep, removable
from registry.domain.head import Attempt, Move, Pointer, judge_move
from registry.domain.leadership import Bid, Seat, decide_lead
from registry.domain.names import Epoch, Generation
from registry.domain.sighting import CLAIM_LIMIT, Claim, Sighting, fold_claim


@pytest.mark.parametrize(
    ("epoch", "frozen", "parent", "generation", "move"),
    [
        (1, False, 5, 6, Move.DEPOSED),
        (3, False, 5, 6, Move.DEPOSED),
        (2, True, 5, 6, Move.FROZEN),
        (2, False, 4, 6, Move.LOST),
        (2, False, 5, 5, Move.BACKWARD),
        (2, False, 5, 6, Move.MADE),
        (2, False, 5, 60, Move.MADE),
        (None, True, 5, 6, Move.MADE),
        (None, True, 4, 6, Move.LOST),
    ],
)
def test_a_head_moves_as_the_table_says(
    epoch: int | None, frozen: bool, parent: int, generation: int, move: Move
) -> None:
    """I1, I2, I3: the row and the attempt decide, nothing else."""
    at = Pointer(Epoch(2), Generation(5), frozen)
    by = None if epoch is None else Epoch(epoch)
    assert judge_move(at, Attempt(by, Generation(parent), Generation(generation))) is move


def test_a_cell_is_not_frozen_unless_it_is_said_to_be() -> None:
    at = Pointer(Epoch(2), Generation(5))
    assert judge_move(at, Attempt(Epoch(2), Generation(5), Generation(6))) is Move.MADE


@pytest.mark.parametrize(
    ("leader", "until_ms", "seen", "exclusive", "epoch"),
    [
        ("me", 0, 0, False, 4),
        ("", 0, 0, False, 5),
        ("other", 1000, 0, False, 5),
        ("other", 1001, 0, False, None),
        ("other", 1001, 0, True, 5),
        ("other", 301_000, 0, False, None),
        # further ahead than five minutes: no lease is
        ("other", 301_001, 0, False, 5),
        ("me", 2000, 4, False, 5),
        ("", 0, 40, False, 41),
        ("other", 1001, 40, False, None),
    ],
)
def test_a_lead_is_taken_as_the_table_says(
    leader: str, until_ms: int, seen: int, exclusive: bool, epoch: int | None
) -> None:
    """None: refused. At 1000 ms of the database's clock."""
    granted = decide_lead(
        Seat(Epoch(4), leader, until_ms, Epoch(seen)), Bid("me", 500, 1000, exclusive)
    )
    assert (None if granted is None else granted.epoch) == epoch
    if granted is not None:
        assert (granted.leader, granted.until_ms) == ("me", 1500)


@pytest.mark.parametrize(
    ("claim", "seen"),
    [
        (Claim(Epoch(2), Generation(4), b"x"), (0, 0)),
        (Claim(Epoch(2), Generation(5), b"d"), (0, 0)),
        (Claim(Epoch(2), Generation(5)), (0, 0)),
        (Claim(Epoch(2), Generation(5), b"x"), (0, 5)),
        (Claim(Epoch(2), Generation(6)), (0, 6)),
        (Claim(Epoch(3), Generation(1)), (3, 1)),
        (Claim(Epoch(2), Generation(CLAIM_LIMIT + 1)), (0, 0)),
        (Claim(Epoch(CLAIM_LIMIT + 1), Generation(1)), (0, 0)),
    ],
)
def test_a_claim_is_believed_as_the_table_says(claim: Claim, seen: tuple[int, int]) -> None:
    """The head is generation 5 of epoch 2, with digest d."""
    found = fold_claim(Sighting(), Epoch(2), Generation(5), b"d", claim)
    assert (found.epoch, found.generation) == seen


REACH = Reach(
    head=Generation(20),
    last=Generation(18),
    pinned=(Generation(3),),
    restored=(Generation(5),),
    slowest=Generation(15),
    young_ms=1000,
)


@pytest.mark.parametrize(
    ("generation", "made_ms", "reason"),
    [
        (20, 0, Reason.HEAD),
        (21, 0, Reason.HEAD),
        (18, 0, Reason.LAST),
        (3, 0, Reason.PINNED),
        (5, 0, Reason.RESTORED),
        (15, 0, Reason.FRONTEND),
        (16, 0, Reason.FRONTEND),
        (9, 1001, Reason.YOUNG),
        (9, 1000, None),
        (9, 0, None),
    ],
)
def test_a_plan_is_kept_for_the_first_reason_of_the_table(
    generation: int, made_ms: int, reason: Reason | None
) -> None:
    """I4: age alone never deletes."""
    plan = StoredPlan(Generation(generation), made_ms, is_base=False)
    assert reason_to_keep(plan, REACH) is reason


def test_what_is_kept_though_nobody_needs_it() -> None:
    """64 generations and a day; and a frontend may come back for a week."""
    assert Keep() == Keep(64, 86_400.0, 604_800.0)
    Keep(2, 0.0, 0.0)


@pytest.mark.parametrize(
    ("generations", "seconds", "frontend_seconds", "said"),
    [
        pytest.param(1, 0.0, 0.0, "below 2", id="nothing to roll back to"),
        pytest.param(64, -1.0, 0.0, "negative", id="plans of the future"),
        pytest.param(64, 0.0, -1.0, "negative", id="frontends of the future"),
    ],
)
def test_a_clean_up_that_cannot_be_meant_is_refused(
    generations: int, seconds: float, frontend_seconds: float, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        Keep(generations, seconds, frontend_seconds)


def test_what_a_kept_plan_is_read_by_is_kept() -> None:
    """A base and the deltas up to it; what comes after it in its segment may go."""
    plans = [StoredPlan(Generation(n), 0, n in (1, 4, 8, 12)) for n in range(1, 15)]
    assert removable(plans, REACH, complete=True) == (6, 7, 8, 9, 10, 11, 12, 13, 14)
    assert removable(plans, REACH, complete=False) == (6, 7, 8, 9, 10, 11)
