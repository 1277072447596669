"""Every row of the table by which a bake is judged (I18, I19)."""

from __future__ import annotations

import pytest

from registry.domain.names import FrontendId
from registry.domain.stage import (
    Bake,
    Event,
    Failed,
    Judgement,
    Looked,
    Outcome,
    Pace,
    Voice,
    Vouched,
    begin,
    step,
)

A, B = FrontendId("a"), FrontendId("b")
PACE = Pace(bake_seconds=60.0, gap_seconds=10.0, patience_seconds=30.0)
BAKING = Judgement(Outcome.BAKING)


def told(*moments: tuple[float, Event]) -> tuple[Bake, Judgement]:
    """What becomes of a bake to which this happened."""
    bake, judgement = begin("s1", 0.0), BAKING
    for now, event in moments:
        bake, judgement = step(bake, event, now, PACE)
    return bake, judgement


def each(second: float, until: float, *canaries: FrontendId) -> list[tuple[float, Event]]:
    """These canaries vouch every five seconds, and the judge looks each time."""
    moments: list[tuple[float, Event]] = []
    while second <= until:
        moments += [(second, Vouched(canary)) for canary in canaries]
        moments.append((second, Looked()))
        second += 5.0
    return moments


def test_the_first_fault_ends_it() -> None:
    """Whoever vouched before, and for however long."""
    _, judgement = told(*each(1, 50, A), (51, Failed(B, "nothing answers")))
    assert judgement == Judgement(Outcome.ROLLED_BACK, "canary b: nothing answers")


def test_a_voice_begins_and_goes_on() -> None:
    bake, judgement = told((1, Vouched(A)), (4, Vouched(A)), (5, Vouched(B)))
    assert bake.voices == {A: Voice(1, 4), B: Voice(5, 5)}
    assert judgement == BAKING


def test_a_judge_that_was_away_begins_anew() -> None:
    """It was paused longer than a gap: that a canary was silent may be its own doing."""
    bake, judgement = told(*each(0, 55, A), (70, Looked()))
    assert (bake, judgement) == (begin("s1", 70), BAKING)


@pytest.mark.parametrize(("now", "outcome"), [(30, Outcome.BAKING), (30.5, Outcome.ROLLED_BACK)])
def test_somebody_must_vouch_for_it_in_time(now: float, outcome: Outcome) -> None:
    silence = [(float(second), Looked()) for second in range(0, 30, 5)]
    assert told(*silence, (now, Looked()))[1].outcome is outcome


@pytest.mark.parametrize(("gap", "outcome"), [(10, Outcome.BAKING), (10.5, Outcome.ROLLED_BACK)])
def test_a_canary_that_falls_silent_may_have_died_of_it(gap: float, outcome: Outcome) -> None:
    """Even while another one does well."""
    others = [(now, event) for now, event in each(21, 20 + gap, B)]
    _, judgement = told(*each(0, 20, A, B), *others, (20 + gap, Looked()))
    assert judgement.outcome is outcome
    if outcome is Outcome.ROLLED_BACK:
        assert "canary a fell silent" in judgement.reason


def test_a_whole_bake_promotes_it_and_nothing_less() -> None:
    assert told(*each(0, 55, A))[1] == BAKING
    assert told(*each(0, 60, A))[1] == Judgement(Outcome.PROMOTED)


def test_a_canary_that_died_shortly_before_the_end_promotes_nothing() -> None:
    """What it says must reach over the whole bake: silence is no part of that."""
    died = [*each(0, 55, A), (60.0, Looked()), (65.0, Looked())]
    assert told(*died)[1] == BAKING
    _, judgement = told(*died, (65.5, Looked()))
    assert judgement.outcome is Outcome.ROLLED_BACK
    assert "canary a fell silent" in judgement.reason


def test_one_voice_of_a_whole_bake_is_enough() -> None:
    """A canary that came late, and does well, holds nothing up."""
    late = [moment for moment in each(0, 60, A) if moment[0] < 40]
    assert told(*late, *each(40, 60, A, B))[1] == Judgement(Outcome.PROMOTED)


def test_a_judge_that_looks_once_a_gap_was_not_away() -> None:
    bake, judgement = told((0, Looked()), (10, Looked()))
    assert (bake.begun, bake.seen, judgement) == (0, 10, BAKING)


@pytest.mark.parametrize("begun", [0.0, 5000.0])
def test_all_times_are_since_it_began_and_not_since_the_clock_did(begun: float) -> None:
    """Of a judge who has been up for long."""
    alone, judgement = begin("s1", begun), BAKING
    for second in (0.0, 10.0, 20.0, 30.0):
        alone, judgement = step(alone, Looked(), begun + second, PACE)
        assert judgement == BAKING
    _, judgement = step(alone, Looked(), begun + 31.0, PACE)
    assert judgement.reason == "no canary vouched for it within 30 s"
    heard = begin("s1", begun)
    for second in range(0, 60, 5):
        heard, _ = step(heard, Vouched(A), begun + second, PACE)
        heard, judgement = step(heard, Looked(), begun + second, PACE)
        assert judgement == BAKING
    heard, judgement = step(heard, Looked(), begun + 60.0, PACE)
    assert judgement == BAKING
    _, judgement = step(heard, Looked(), begun + 65.5, PACE)
    assert judgement.reason.startswith("canary a fell silent 66 s after its first word")


def test_the_pace_unless_it_is_said_otherwise() -> None:
    assert Pace() == Pace(60.0, 10.0, 30.0)


@pytest.mark.parametrize("seconds", [(0.0, 10.0, 30.0), (0.5, 0.5, 30.0), (60.0, 30.0, 30.0)])
def test_a_pace_may_be_as_short_as_can_be_meant(seconds: tuple[float, float, float]) -> None:
    assert Pace(*seconds).gap_seconds == seconds[1]


@pytest.mark.parametrize("seconds", [(-1.0, 10.0, 30.0), (60.0, 0.0, 30.0), (60.0, 31.0, 30.0)])
def test_a_pace_that_cannot_be_meant_is_refused(seconds: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="bake_seconds"):
        Pace(*seconds)
