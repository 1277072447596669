"""What this frontend itself sees of endpoints, by opening connections. Pure.

An opinion needs as many tries as the registry's own by default. What was never seen well,
there is no opinion on: the way there may not exist from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

RISE = 2
FALL = 3


class Seen(Enum):
    """The result of one try, and what an opinion amounts to."""

    NOTHING = "nothing"
    """It was not tried, could not be from here, or was never seen well."""
    WELL = "well"
    REFUSED = "refused"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class Opinion:
    """Of one incarnation."""

    seen: Seen = Seen.NOTHING
    streak: int = 0
    """How many tries in a row have said otherwise."""


NO_OPINION = Opinion()


# form
#
#   opinion   result    of that kind in a row  opinion after
#   --------  --------  ---------------------  -----------------------------------
#   any       NOTHING   -                      as before: we failed, not it
#   NOTHING   WELL      -                      WELL
#   NOTHING   else      -                      NOTHING
#   WELL      WELL      -                      WELL, nothing said otherwise
#   WELL      failure   below FALL             WELL
#   WELL      failure   FALL                   the failure
#   failing   failure   -                      as before, nothing said otherwise
#   failing   WELL      below RISE             as before
#   failing   WELL      RISE                   WELL
def form(opinion: Opinion, result: Seen) -> Opinion:
    """The opinion after one more try."""
    if result is Seen.NOTHING:
        return opinion
    if opinion.seen is Seen.NOTHING:
        return Opinion(Seen.WELL) if result is Seen.WELL else opinion
    well = result is Seen.WELL
    if well is (opinion.seen is Seen.WELL):
        return Opinion(opinion.seen)
    streak = opinion.streak + 1
    if streak >= (RISE if well else FALL):
        return Opinion(result)
    return Opinion(opinion.seen, streak)


# worst_of
#
#   results of the addresses  of the endpoint
#   ------------------------  -----------------
#   any REFUSED               REFUSED
#   else any TIMEOUT          TIMEOUT
#   else any NOTHING, or none NOTHING
#   else                      WELL
def worst_of(results: list[Seen]) -> Seen:
    """One result for an endpoint with several addresses: all of them are answered with."""
    for worst in (Seen.REFUSED, Seen.TIMEOUT, Seen.NOTHING):
        if worst in results:
            return worst
    return Seen.WELL if results else Seen.NOTHING
