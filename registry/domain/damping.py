"""How often an endpoint may change sides: the window, and the penalty for flapping (I26).

The idea is route flap damping's (RFC 2439, 4.2): each fall adds to a penalty that decays by
half in HALF_LIFE_SECONDS; at SUPPRESS the endpoint is kept out until it has decayed to REUSE.
Heartbeats and leases count like probes, whoever noticed.

A newcomer's first success is no change of sides: there was none before. Nor is what an owner
asks for, such as draining, ever held back; only its return may be.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from math import exp2, inf, log2

HALF_LIFE_SECONDS = 60.0
PER_FALL = 1.0
SUPPRESS = 3.0
REUSE = 1.0
CEILING = 8.0
"""So that nobody is kept out for more than log2(CEILING / REUSE) half-lives: 3 minutes."""


class Cause(Enum):
    """Why an endpoint is served no more."""

    FAILED = "failed"
    WISHED = "wished"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class Damping:
    """What is remembered of one endpoint. Times are monotonic seconds."""

    served: bool
    is_new: bool = False
    """Never served so far."""
    turned_seconds: float = -inf
    """When it last changed sides."""
    up_seconds: float = -inf
    """Since when it is served; means nothing while it is not."""
    penalty: float = 0.0
    penalty_seconds: float = -inf
    """The time as of which `penalty` is meant."""
    suppressed_until_seconds: float = -inf


# observe
#
#   remembered       served now  cause    remembered after
#   ---------------  ----------  -------  ---------------------------------------------------
#   nothing          no          any      as it is; it turned `age` ago, unless it is new
#   nothing          yes         any      as it is, and has been for `age`: a slow start goes on
#                                         where it was; it turned then, unless it is new
#   as now           -           any      as before
#   new, not served  yes         any      served: an appearance is no turn
#   not served       yes         any      turned now
#   served           no          FAILED   turned now, penalty + 1, suppressed at SUPPRESS
#   served           no          WISHED   turned now, no penalty
#   served           no          REPLACED new again: its heir need not wait for the window; but
#                                         penalty + 1, suppressed at SUPPRESS, for this is
#                                         how a crash loop looks
def observe(
    known: Damping | None,
    served: bool,
    now: float,
    *,
    is_new: bool = False,
    cause: Cause = Cause.FAILED,
    age_seconds: float = inf,
) -> Damping:
    """Take note of whether an endpoint is served.

    `is_new` and `age_seconds`, for how long it has been as it is, count only for one not known
    yet: a leader learns them from the store, where it came to lead or was started anew.
    """
    if known is None:
        since = now - max(age_seconds, 0.0)
        return Damping(
            served,
            is_new=is_new and not served,
            turned_seconds=-inf if is_new else since,
            up_seconds=since if served else -inf,
        )
    if known.served is served:
        return known
    if served:
        turned = known.turned_seconds if known.is_new else now
        return replace(known, served=True, is_new=False, turned_seconds=turned, up_seconds=now)
    if cause is Cause.WISHED:
        return replace(known, served=False, turned_seconds=now)
    penalty = min(penalty_at(known, now) + PER_FALL, CEILING)
    suppressed_until = known.suppressed_until_seconds
    if penalty >= SUPPRESS:
        suppressed_until = now + HALF_LIFE_SECONDS * log2(penalty / REUSE)
    replaced = cause is Cause.REPLACED
    return replace(
        known,
        served=False,
        is_new=replaced,
        turned_seconds=-inf if replaced else now,
        penalty=penalty,
        penalty_seconds=now,
        suppressed_until_seconds=suppressed_until,
    )


# release
#
#   turn  last turn          suppressed  allowed
#   ----  -----------------  ----------  ------------------------------------------------
#   down  within the window  any         at the window's end
#   down  else               any         at once
#   up    any                yes         when the suppression and the window are both over
#   up    within the window  no          at the window's end
#   up    else               no          at once
def release(known: Damping | None, *, up: bool, now: float, window_seconds: float) -> float:
    """When the endpoint may change sides; `now` or earlier means at once."""
    if known is None:
        return now
    after_window = known.turned_seconds + window_seconds
    return max(after_window, known.suppressed_until_seconds) if up else after_window


def penalty_at(known: Damping, now: float) -> float:
    """The penalty, decayed until now."""
    if known.penalty == 0.0:
        return 0.0
    passed = max(0.0, now - known.penalty_seconds)
    return known.penalty * exp2(-passed / HALF_LIFE_SECONDS)
