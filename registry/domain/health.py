"""Health of an instance, and the evidence for it. Health is always the truth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import assert_never


class Health(Enum):
    """Whether an instance can serve."""

    UNKNOWN = "unknown"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    DRAINING = "draining"


class Evidence(Enum):
    """Why health is what it is. An answer is strong evidence, silence is weak.

    NOT_SERVING is the target's answer to a probe; WITHDRAWN is its owner's word, said with a
    heartbeat, which no probe can gainsay.
    """

    NONE = "none"
    VALIDATED = "validated"
    LEASE_RENEWED = "lease_renewed"
    DEREGISTERED = "deregistered"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    NOT_SERVING = "not_serving"
    WRONG_IDENTITY = "wrong_identity"
    TIMEOUT = "timeout"
    LEASE_EXPIRED = "lease_expired"


SUCCESSES = frozenset({Evidence.VALIDATED, Evidence.LEASE_RENEWED})
ANSWERS = frozenset({Evidence.REFUSED, Evidence.NOT_SERVING, Evidence.WRONG_IDENTITY})
"""Failures in which the target itself answered: strong evidence. TIMEOUT is silence."""
LATE_SECONDS = 1.0
"""A probe that ends later than its timeout by more than this was slept through."""


@dataclass(frozen=True, slots=True)
class Streak:
    """What the last probes had in common; at most one of the two is above 0."""

    successes: int = 0
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """Health with its evidence: they always travel together."""

    health: Health
    evidence: Evidence


# step
#
#   standing                 result    streak now        standing after
#   -----------------------  --------  ----------------  -----------------------------------
#   any                      NONE      as before         as before: the prober failed, not
#                                                        the target
#   DRAINING                 any       counted           as before: the owner's word
#   UNHEALTHY, WITHDRAWN     any       counted           as before: only the owner lifts it
#   UNHEALTHY, LEASE_EXPIRED any       counted           as before: only a new lease lifts it
#   UNKNOWN                  success   counted           HEALTHY, the result (I27)
#   UNKNOWN                  failure   counted           UNKNOWN: never up, so never down
#   HEALTHY                  success   counted           as before
#   HEALTHY                  failure   below `fall`      as before
#   HEALTHY                  failure   `fall` or more    UNHEALTHY, the result
#   UNHEALTHY                success   below `rise`      as before
#   UNHEALTHY                success   `rise` or more    HEALTHY, the result
#   UNHEALTHY, silence       answer    counted           UNHEALTHY, the result: stronger
#   UNHEALTHY, else          failure   counted           as before: evidence never flutters
def step(
    standing: Standing, streak: Streak, result: Evidence, *, rise: int, fall: int
) -> tuple[Standing, Streak]:
    """Take in the result of one probe.

    The caller keeps the streak and gets the standing recorded; until it is, the same
    standing with the next result asks for the same again, so a lost record is no harm.
    """
    if result is Evidence.NONE:
        return standing, streak
    success = result in SUCCESSES
    streak = (
        Streak(successes=streak.successes + 1) if success else Streak(failures=streak.failures + 1)
    )
    match standing.health:
        case Health.DRAINING:
            return standing, streak
        case Health.UNKNOWN:
            return (Standing(Health.HEALTHY, result) if success else standing), streak
        case Health.HEALTHY:
            if success or streak.failures < fall:
                return standing, streak
            return Standing(Health.UNHEALTHY, result), streak
        case Health.UNHEALTHY:
            if standing.evidence in (Evidence.WITHDRAWN, Evidence.LEASE_EXPIRED):
                return standing, streak
            if success:
                risen = streak.successes >= rise
                return (Standing(Health.HEALTHY, result) if risen else standing), streak
            if standing.evidence is Evidence.TIMEOUT and result in ANSWERS:
                return Standing(Health.UNHEALTHY, result), streak
            return standing, streak
        case _:
            assert_never(standing.health)


# heard
#
#   result    the probe took                        counts as
#   --------  ------------------------------------  ------------------------------------------
#   TIMEOUT   its timeout, and up to LATE_SECONDS   TIMEOUT
#   TIMEOUT   longer                                NONE: this process did not run meanwhile, so
#                                                   the silence is its own (I23)
#   other     any time                              itself: an answer was given
def heard(result: Evidence, took_seconds: float, timeout_seconds: float) -> Evidence:
    """What a probe's result says of its target, given how long it took by the clock."""
    if result is Evidence.TIMEOUT and took_seconds > timeout_seconds + LATE_SECONDS:
        return Evidence.NONE
    return result


# worst_of
#
#   results of the addresses   of the instance
#   -------------------------  -------------------------------------------------------
#   any answer that is a no    that answer: a client would be sent there (I12)
#   else any silence           TIMEOUT
#   else any NONE, or no one   NONE: nothing can be said
#   else                       VALIDATED
def worst_of(results: Iterable[Evidence]) -> Evidence:
    """One result for an instance with several addresses: all of them are answered with."""
    seen = tuple(results)
    for result in seen:
        if result in ANSWERS:
            return result
    if Evidence.TIMEOUT in seen:
        return Evidence.TIMEOUT
    if not seen or any(result not in SUCCESSES for result in seen):
        return Evidence.NONE
    return Evidence.VALIDATED
