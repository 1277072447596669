"""Whether a region stands in for a service, with the hysteresis that stops flapping.

A standing belongs to a service in one region, so that all views see the same one.
Pure: `now` is any clock that does not go back; nothing is remembered but the standing.
"""

from __future__ import annotations

from dataclasses import dataclass

from dns_frontend.plan.diversion import NEVER
from dns_frontend.plan.entry import Policy

_ROUNDING = 1e-9
"""0.55 of 100 must be 55: thresholds are decimal, floats are not."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many endpoints of a region count, and how many of those are healthy.

    Counted are HEALTHY and UNHEALTHY ones. UNKNOWN, DRAINING and held ones are not:
    they say nothing on how well the region is (I27).
    """

    healthy: int
    counted: int


@dataclass(frozen=True, slots=True)
class Standing:
    """In or out, and since when it has been well enough to return, or unwell enough to leave."""

    out: bool
    well_since: float | None = None
    unwell_since: float | None = None
    diverted_until: float | None = None
    """Set: out because an operator wants it, and judged afresh then."""


IN = Standing(out=False)
OUT = Standing(out=True)


def usable(tally: Tally, policy: Policy) -> bool:
    """Whether enough endpoints are healthy for the region to be used."""
    return _reaches(tally, policy.enter_threshold, policy)


def step(
    standing: Standing | None,
    tally: Tally,
    policy: Policy,
    now: float,
    diverted_until: float = NEVER,
) -> Standing | None:
    """The standing after looking at `tally` at `now`; None is: never judged."""
    # Before all else: an operator's diversion that is not over makes any standing `out,
    # diverted`, and one that is over leaves none, so that the next row is the first.
    #
    # standing         | counted | usable | at exit threshold | for exit_hold | becomes
    # none             | 0       | -      | -                 | -             | none
    # none             | > 0     | yes    | -                 | -             | in
    # none             | > 0     | no     | -                 | -             | out
    # in               | any     | yes    | -                 | -             | in, not unwell
    # in               | any     | no     | -                 | for less than   | in, unwell since
    #                  |         |        |                   | enter_hold      | then
    # in               | any     | no     | -                 | for enter_hold  | out
    # out              | any     | any    | no                | -             | out, not well
    # out              | any     | any    | yes               | no            | out, well since then
    # out              | any     | any    | yes               | yes           | in
    if now < diverted_until:
        return Standing(out=True, diverted_until=diverted_until)
    if standing is not None and standing.diverted_until is not None:
        standing = None
    if standing is None:
        if tally.counted == 0:
            return None
        return IN if usable(tally, policy) else OUT
    if not standing.out:
        if usable(tally, policy):
            return IN
        since = now if standing.unwell_since is None else min(standing.unwell_since, now)
        if now - since >= policy.enter_hold_seconds:
            return OUT
        return Standing(out=False, unwell_since=since)
    if not _reaches(tally, max(policy.exit_threshold, policy.enter_threshold), policy):
        return OUT
    since = now if standing.well_since is None else min(standing.well_since, now)
    if now - since >= policy.exit_hold_seconds:
        return IN
    return Standing(out=True, well_since=since)


def due(standing: Standing, policy: Policy) -> float | None:
    """When `step` should look again although nothing changed; None: no need."""
    if standing.diverted_until is not None:
        return standing.diverted_until
    if standing.unwell_since is not None:
        return standing.unwell_since + policy.enter_hold_seconds
    if standing.well_since is None:
        return None
    return standing.well_since + policy.exit_hold_seconds


def _reaches(tally: Tally, threshold: float, policy: Policy) -> bool:
    return (
        tally.counted > 0
        and tally.healthy >= policy.minimum_endpoints
        and tally.healthy + _ROUNDING >= threshold * tally.counted
    )
