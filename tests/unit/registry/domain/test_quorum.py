"""What observers together say of an endpoint: every row of the table, and what holds of all."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.damping import Damping, observe, release
from registry.domain.health import ANSWERS, Evidence, Health, Standing
from registry.domain.observation import Observation, ObserverId
from registry.domain.quorum import agreed, gainsaying, ruled, verdict

FRESH = 20.0
WELL, SILENT, REFUSED = Evidence.VALIDATED, Evidence.TIMEOUT, Evidence.REFUSED
WRONG, NONE = Evidence.WRONG_IDENTITY, Evidence.NONE


def word(
    name: str, evidence: Evidence, age: float = 1.0, failing: float = 5.0, *, own: bool = False
) -> Observation:
    return Observation(ObserverId(name), evidence, age, failing, own)


def own(evidence: Evidence, failing: float = 5.0) -> Observation:
    return word("node.me", evidence, 0.0, failing, own=True)


def others(*evidence: Evidence) -> list[Observation]:
    return [word(f"node.{at}", each) for at, each in enumerate(evidence)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], NONE),
        ([own(NONE)], NONE),
        ([own(NONE), *others(NONE, NONE)], NONE),
        # the judge's alone
        ([own(WELL)], WELL),
        ([own(SILENT)], SILENT),
        ([own(REFUSED)], REFUSED),
        ([own(SILENT), *others(NONE)], SILENT),
        # an answer, gainsaid by none, by half, by more, and by words from before it
        ([own(REFUSED), *others(SILENT, SILENT)], REFUSED),
        ([own(WRONG), *others(WELL)], WRONG),
        ([own(REFUSED), *others(WELL, WELL)], WELL),
        ([own(REFUSED, failing=0.5), *others(WELL, WELL)], REFUSED),
        ([own(REFUSED, failing=1.0), *others(WELL, WELL)], REFUSED),
        # more than half fail
        ([own(WELL), *others(SILENT, SILENT)], SILENT),
        ([own(SILENT), *others(REFUSED)], SILENT),
        ([own(WELL), *others(REFUSED, SILENT)], SILENT),
        ([*others(REFUSED, WRONG)], REFUSED),
        ([*others(WRONG, REFUSED)], WRONG),
        # a firewall between them and the endpoint resets: that is no word of the endpoint's
        ([own(WELL), *others(REFUSED, REFUSED)], SILENT),
        ([own(WELL), *others(REFUSED, WRONG, REFUSED)], SILENT),
        (others(SILENT), SILENT),
        (others(REFUSED), REFUSED),
        ([own(SILENT), *others(SILENT, WELL)], SILENT),
        # more than half succeed
        ([own(SILENT), *others(WELL, WELL)], WELL),
        ([own(WELL), *others(WELL, REFUSED)], WELL),
        (others(WELL), WELL),
        # half and half
        ([own(WELL), *others(SILENT)], WELL),
        ([own(WELL), *others(REFUSED)], WELL),
        ([own(SILENT), *others(WELL)], NONE),
        (others(SILENT, WELL), NONE),
        ([own(SILENT), *others(SILENT, WELL, WELL)], NONE),
        # stale words are no words
        ([own(SILENT), word("node.old", WELL, FRESH + 0.1)], SILENT),
        ([own(SILENT), word("node.old", WELL, FRESH)], NONE),
        ([word("node.old", SILENT, FRESH + 0.1)], NONE),
    ],
)
def test_every_row(words: list[Observation], expected: Evidence) -> None:
    assert verdict(words, fresh_seconds=FRESH) is expected


EXPIRED, WITHDRAWN = Evidence.LEASE_EXPIRED, Evidence.WITHDRAWN
UP, DOWN = Standing(Health.HEALTHY, WELL), Standing(Health.UNHEALTHY, SILENT)
NEW = Standing(Health.UNKNOWN, NONE)
WISHED = Standing(Health.UNHEALTHY, Evidence.NOT_SERVING)
"""What the judge's own probe alone would make of it: no row of the others has it."""


@pytest.mark.parametrize(
    ("standing", "found", "after"),
    [
        (NEW, WELL, WISHED),
        (NEW, SILENT, WISHED),
        (Standing(Health.DRAINING, Evidence.DEREGISTERED), WELL, WISHED),
        (Standing(Health.UNHEALTHY, WITHDRAWN), WELL, WISHED),
        (Standing(Health.UNHEALTHY, EXPIRED), SILENT, WISHED),
        (UP, NONE, UP),
        (DOWN, NONE, DOWN),
        (UP, WELL, UP),
        (UP, Evidence.LEASE_RENEWED, UP),
        (UP, SILENT, DOWN),
        (UP, REFUSED, Standing(Health.UNHEALTHY, REFUSED)),
        (DOWN, WELL, UP),
        (Standing(Health.UNHEALTHY, REFUSED), WELL, UP),
        (DOWN, REFUSED, Standing(Health.UNHEALTHY, REFUSED)),
        (DOWN, SILENT, DOWN),
        (Standing(Health.UNHEALTHY, REFUSED), WRONG, Standing(Health.UNHEALTHY, REFUSED)),
        (Standing(Health.UNHEALTHY, REFUSED), SILENT, Standing(Health.UNHEALTHY, REFUSED)),
    ],
)
def test_every_row_of_what_follows_from_a_verdict(
    standing: Standing, found: Evidence, after: Standing
) -> None:
    assert ruled(standing, WISHED, found) == after


def test_a_success_gainsays_a_failure_only_when_it_is_younger() -> None:
    failing = own(REFUSED, failing=4.0)
    younger, as_old, failed = word("a", WELL, 3.9), word("b", WELL, 4.0), word("c", SILENT, 0.0)
    assert gainsaying(failing, [younger, as_old, failed]) == [younger]


_EVIDENCE = st.sampled_from([WELL, SILENT, REFUSED, WRONG, NONE])
_OTHERS = st.lists(
    st.tuples(_EVIDENCE, st.floats(0.0, 2 * FRESH), st.floats(0.0, 60.0)), max_size=7
).map(
    lambda drawn: [
        word(f"node.{at}", evidence, age, failing)
        for at, (evidence, age, failing) in enumerate(drawn)
    ]
)
_OWN = st.one_of(st.none(), st.builds(own, _EVIDENCE, st.floats(0.0, 60.0)))


def _all(mine: Observation | None, rest: list[Observation]) -> list[Observation]:
    return rest if mine is None else [mine, *rest]


@given(_OWN, _OTHERS, st.randoms())
def test_order_changes_nothing_and_neither_do_stale_words_and_silence_of_observers(
    mine: Observation | None, rest: list[Observation], random: object
) -> None:
    words = _all(mine, rest)
    found = verdict(words, fresh_seconds=FRESH)
    shuffled = list(words)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a Random
    assert verdict(shuffled, fresh_seconds=FRESH) is found
    telling = [each for each in words if each.age_seconds <= FRESH and each.evidence is not NONE]
    assert verdict(telling, fresh_seconds=FRESH) is found


@given(_OWN, _OTHERS)
def test_nothing_fails_by_fewer_than_a_majority_but_by_an_answer_that_the_judge_had(
    mine: Observation | None, rest: list[Observation]
) -> None:
    words = _all(mine, rest)
    found = verdict(words, fresh_seconds=FRESH)
    if found in (WELL, NONE):
        return
    counted = [each for each in words if each.age_seconds <= FRESH and each.evidence is not NONE]
    failing = [each for each in counted if not each.is_well]
    well = any(each.own and each.is_well for each in counted)
    assert found is SILENT if well else found in {each.evidence for each in failing}
    if 2 * len(failing) <= len(counted):
        assert mine is not None
        assert found is mine.evidence
        assert found in ANSWERS


@given(_OWN, _OTHERS)
def test_one_more_success_of_another_takes_nothing_out(
    mine: Observation | None, rest: list[Observation]
) -> None:
    words = _all(mine, rest)
    before = verdict(words, fresh_seconds=FRESH)
    after = verdict([*words, word("node.more", WELL, 0.0)], fresh_seconds=FRESH)
    if before in (WELL, NONE):
        assert after in (WELL, NONE)


def test_three_who_disagree_by_turns_each_second_change_an_endpoint_once_a_window() -> None:
    """1:2 and then 2:1, again and again: damping decides how often that shows (I26)."""
    window_seconds = 30.0
    known: Damping = observe(None, True, 0.0)
    health = Health.HEALTHY
    turns: list[float] = []
    for second in range(600):
        now = 100.0 + second
        second_word = SILENT if second % 2 else WELL
        found = verdict([own(WELL), *others(second_word, SILENT)], fresh_seconds=FRESH)
        wished = Health.HEALTHY if found is WELL else Health.UNHEALTHY
        up = wished is Health.HEALTHY
        if wished is health or release(known, up=up, now=now, window_seconds=window_seconds) > now:
            continue
        health = wished
        known = observe(known, up, now)
        turns.append(now)
    assert len(turns) >= 2
    assert all(later - earlier >= window_seconds for earlier, later in pairwise(turns))


@pytest.mark.parametrize(
    ("evidence", "words", "expected"),
    [
        # an answer: by two, whoever they are and whatever they answered
        (REFUSED, [own(REFUSED), *others(REFUSED)], True),
        (WRONG, [own(WRONG), *others(REFUSED)], True),
        (REFUSED, others(REFUSED, REFUSED), True),
        (REFUSED, [own(REFUSED), *others(REFUSED, WELL, WELL)], True),
        # by one alone, or another's silence, or another's word that it is well
        (REFUSED, [own(REFUSED)], False),
        (REFUSED, [own(REFUSED), *others(SILENT, SILENT)], False),
        (REFUSED, [own(REFUSED), *others(WELL)], False),
        (REFUSED, [own(REFUSED), *others(NONE)], False),
        (REFUSED, [own(REFUSED), word("node.old", REFUSED, age=FRESH + 0.1)], False),
        (REFUSED, [own(REFUSED), word("node.old", REFUSED, age=FRESH)], True),
        # silence that is strong: a failure of any kind, by two
        (SILENT, [own(SILENT), *others(SILENT)], True),
        (Evidence.LEASE_EXPIRED, [own(SILENT), *others(REFUSED)], True),
        (Evidence.LEASE_EXPIRED, [own(SILENT)], False),
        (Evidence.LEASE_EXPIRED, [own(SILENT), *others(WELL, NONE)], False),
        # nothing that speaks for a removal
        (NONE, [own(REFUSED), *others(REFUSED)], False),
        (WELL, [own(REFUSED), *others(REFUSED)], False),
        (Evidence.WITHDRAWN, [own(REFUSED), *others(REFUSED)], False),
        (REFUSED, [], False),
    ],
)
def test_every_row_of_whether_a_second_vantage_point_agrees(
    evidence: Evidence, words: list[Observation], expected: bool
) -> None:
    assert agreed(evidence, words, fresh_seconds=FRESH) is expected
