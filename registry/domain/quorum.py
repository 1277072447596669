"""What the observers of a cell together say of one endpoint (I14).

A removal on silence needs more than half of them: silence may be the way's fault. An answer
may not, so one is enough where the judge itself had it, until most others have found the
endpoint well *since*: then something between the two of them gave it. By the same token an
answer that others had, of an endpoint that the judge finds well, is worth no more than silence.

Only fresh words count, and those of observers in quarantine are not among them.
"""

from __future__ import annotations

from collections.abc import Iterable

from registry.domain.health import ANSWERS, SUCCESSES, Evidence, Health, Standing
from registry.domain.observation import Observation

VANTAGE_POINTS = 2
"""So many have to have seen it for a removal that no budget of the cell holds."""
_SILENCES = frozenset({Evidence.TIMEOUT, Evidence.LEASE_EXPIRED})


# verdict
#
#   the words that count                       verdict
#   -----------------------------------------  ---------------------------------------------
#   none                                       NONE: nothing can be said
#   the judge's alone                          it
#   the judge's is an answer, gainsaid by      it: one answer is enough
#   half or fewer
#   more than half fail, the judge's is a      TIMEOUT: what they had may be the way's answer,
#   success                                    and takes no more out than silence may
#   more than half fail, else                  a failure: the judge's own, else TIMEOUT if
#                                              any of them is, else their answer
#   more than half succeed                     VALIDATED
#   half and half, the judge's is a success    VALIDATED
#   half and half, else                        NONE: it stays as it was
#
# A success gainsays a failure when it is younger than that. Of several answers the first
# observer's, by name, is told, so that equal words give equal verdicts.
def verdict(words: Iterable[Observation], *, fresh_seconds: float) -> Evidence:
    """The evidence that holds for an endpoint; NONE leaves its health as it is.

    Give the words of trusted observers only; older ones than `fresh_seconds` do not count.
    """
    counted = [
        word
        for word in words
        if word.evidence is not Evidence.NONE and word.age_seconds <= fresh_seconds
    ]
    own = next((word for word in counted if word.own), None)
    well = [word for word in counted if word.is_well]
    failing = [word for word in counted if not word.is_well]
    if own is not None and own.is_answer and 2 * len(gainsaying(own, well)) <= len(counted):
        return own.evidence
    if 2 * len(failing) > len(counted):
        return _told(own, failing)
    if 2 * len(well) > len(counted) or (own is not None and own.is_well):
        return Evidence.VALIDATED
    return Evidence.NONE


def gainsaying(failing: Observation, others: Iterable[Observation]) -> list[Observation]:
    """Those that found the endpoint well after it had begun to fail for this one."""
    return [word for word in others if word.is_well and word.age_seconds < failing.failing_seconds]


# agreed
#
#   evidence                              fresh words                      agreed
#   ------------------------------------  -------------------------------  -----------------
#   REFUSED, NOT_SERVING, WRONG_IDENTITY  answers, of two or more          yes
#   the same                              else                             no: silence, or a
#                                                                          way's fault
#   TIMEOUT, LEASE_EXPIRED                failures, of two or more         yes
#   the same                              else                             no
#   else                                  any                              no
#
# The judge's own word is one of them, if it trusts itself. Kinds of answers may differ: a
# check of identity and a connection ask different things of one dead process.
def agreed(evidence: Evidence, words: Iterable[Observation], *, fresh_seconds: float) -> bool:
    """Whether a second vantage point has the evidence that an endpoint would be removed on (I8).

    Give the words of trusted observers only, one of each.
    """
    failing = [
        word
        for word in words
        if (word.is_answer or word.evidence is Evidence.TIMEOUT)
        and word.age_seconds <= fresh_seconds
    ]
    if evidence in ANSWERS:
        return sum(word.is_answer for word in failing) >= VANTAGE_POINTS
    return evidence in _SILENCES and len(failing) >= VANTAGE_POINTS


def _told(own: Observation | None, failing: list[Observation]) -> Evidence:
    if own is not None:
        return Evidence.TIMEOUT if own.is_well else own.evidence
    if any(word.evidence is Evidence.TIMEOUT for word in failing):
        return Evidence.TIMEOUT
    return min(failing, key=lambda word: word.observer).evidence


# ruled
#
#   standing                verdict   standing after
#   ----------------------  --------  ------------------------------------------------------
#   UNKNOWN, DRAINING       any       as the judge's own probe has it: `wished`
#   UNHEALTHY, WITHDRAWN    any       the same
#   UNHEALTHY, LEASE_EXPIRED any      the same
#   any                     NONE      as before
#   HEALTHY                 success   as before
#   HEALTHY                 failure   UNHEALTHY, the failure
#   UNHEALTHY               success   HEALTHY, VALIDATED
#   UNHEALTHY, silence      answer    UNHEALTHY, the answer: stronger
#   UNHEALTHY, else         failure   as before: evidence never flutters
def ruled(standing: Standing, wished: Standing, found: Evidence) -> Standing:
    """The standing that follows from a verdict, where others than the judge have a word."""
    by_owner = standing.evidence in (Evidence.WITHDRAWN, Evidence.LEASE_EXPIRED)
    if standing.health not in (Health.HEALTHY, Health.UNHEALTHY) or by_owner:
        return wished
    if found is Evidence.NONE:
        return standing
    if standing.health is Health.HEALTHY:
        return standing if found in SUCCESSES else Standing(Health.UNHEALTHY, found)
    if found in SUCCESSES:
        return Standing(Health.HEALTHY, found)
    if standing.evidence is Evidence.TIMEOUT and found in ANSWERS:
        return Standing(Health.UNHEALTHY, found)
    return standing
