"""The page that `make prove` writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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
        f"Simulated systems: {simulated.states} seeds, {simulated.transitions} steps, violations:"
        f" {simulated.violation or 'none'}. A failing seed is told again by"
        " `make prove ARGS=--seed=N`.",
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
    return "\n".join(lines) + "\n"


def _verdict(found: Found) -> str:
    return f"killed: {found.violation.split(':')[0]}" if found.violation else "survives"
