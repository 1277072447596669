"""The page that `make prove` writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from proof.scenarios import SCENARIOS
from proof.search import Found

PAGE = Path(__file__).resolve().parents[1] / "docs/reference/kill-matrix.md"


@dataclass(frozen=True, slots=True)
class Killed:
    """What became of one mutant: by search, by random histories, by simulation."""

    name: str
    history: str
    found: tuple[Found | None, Found | None, Found | None]

    @property
    def is_killed(self) -> bool:
        """Whether any of them found it out."""
        return any(each is not None and each.violation for each in self.found)


_SIMULATED = """\
## Whole systems in virtual time

A seed draws one or two clusters with up to three registry nodes each, up to three frontends and
five owners of instances, and which kinds of faults befall them when. All of it runs in one
process on an event loop whose time leaps, so that the same seed is the same history:

- **shipped**: of `registry/app` the lead, reconciler, publisher, brake, clean-up, mirror, leases,
  heartbeats, plan feed, freezer and operators' controls, under their supervisor, on the shipped
  store in memory; the frontend's applier, `step`, guard, ledger and compiled answers;
- **made for it**: the network, the database's outages and damage, a frontend's disk and the ear
  that follows the feed, owners of instances. Not in it: gRPC, SQL and its triggers, files,
  sockets, notices between nodes (they poll), watches of services, probes that fail, staged
  changes, canaries, pins, break-glass and budgets of removals (I8). Those have tests of their own.

Every 0.1 s clients in each region ask each frontend for each service; every answer, every move of
a head, every deletion and every end of a lease is judged at once (I1 to I7, I23, I30, I40). Then
the faults end, and all that is registered must be served by every frontend (I10). Processes are
paused and killed wherever they wait; code that does not wait takes no time. Monotonic clocks run
fast or slow by half a percent, and wall clocks jump by up to a day. Where rows were lost the heads
are not judged for I7, since nothing may be left to remember a name by; answers always are. After
a restored backup ends of leases are not judged: it knows other leases by the same numbers.

A seed that fails is cut down to the fewest deeds and participants that still break the same
invariant. `make prove ARGS="--seed 42"` tells a seed's story, `--shrink` cuts it down first, and
`--mutant "no epoch"` puts a bug back. A kind of fault or a guard that a thousand seeds never met
is a failure too.""".splitlines()


def page(
    searched: Sequence[Found],
    played: Sequence[Found],
    simulated: Found,
    killed: Sequence[Killed],
    guards: Sequence[tuple[Found, bool]],
) -> str:
    """The whole page; nothing in it depends on the machine or the time."""
    lines = [
        "# Kill matrix",
        "",
        "Written by `make prove`; run it to check every word. It searches small worlds made of the",
        "functions that the servers call, looks for a state in which an invariant fails, and then",
        "puts the bugs of history back, one by one, to see that it would have found them.",
        "",
        "## What holds",
        "",
        "| searched | bounds | states | steps | violations |",
        "|---|---|---|---|---|",
    ]
    for found in searched:
        bounds = ", ".join(
            f"{key.replace('_', ' ')} {value}" for key, value in found.bounds.items()
        )
        lines.append(
            f"| {found.name} | {bounds or 'all there is'} | {found.states} | {found.transitions} |"
            f" {found.violation or 'none'} |"
        )
    lines += ["", "| random histories | violations |", "|---|---|"]
    lines += [f"| {found.name} | {found.violation or 'none'} |" for found in played]
    lines += [
        "",
        *_SIMULATED,
        "",
        f"{simulated.states} seeds, {simulated.transitions} answers looked at, violations:"
        f" {simulated.violation or 'none'}.",
        "",
        "| met on the way | times |",
        "|---|---|",
    ]
    lines += [f"| {what} | {times} |" for what, times in sorted(simulated.hits.items())]
    lines += [
        "",
        "## What would not",
        "",
        "Each mutant is the bug with whatever would have caught it taken away too.",
        "",
        "| mutant | history | by search | by random histories | by simulation |",
        "|---|---|---|---|---|",
    ]
    for mutant in killed:
        words = " | ".join("-" if f is None else _verdict(f) for f in mutant.found)
        lines.append(f"| {mutant.name} | {mutant.history} | {words} |")
    lines += [
        "",
        "## Each guard alone",
        "",
        "The planner empties names whenever it reads too little, and publishers write what they",
        "planned long ago. What frontends answer with is judged (I1, I7).",
        "",
        "| left in force | states | what came of it |",
        "|---|---|---|",
    ]
    for found, _ in guards:
        what = found.violation or "nothing went back, nothing was emptied"
        lines.append(f"| {found.name} | {found.states} | {what} |")
    lines += [
        "",
        "## Scenarios",
        "",
        "Where each fault scenario is played. Paths are below `tests/`.",
        "",
        "| scenario | what happens | played by | not shown |",
        "|---|---|---|---|",
    ]
    for each in SCENARIOS:
        tests = ", ".join(f"`{test}`" for test in each.tests)
        lines.append(f"| {each.number} | {each.trigger} | {tests} | {each.left or '-'} |")
    return "\n".join(lines) + "\n"


def _verdict(found: Found) -> str:
    return f"killed: {found.violation.split(':')[0]}" if found.violation else "survives"
