"""One line of the table that a drill prints. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """What was done, what was to come of it, and what came."""

    trigger: str
    expected: str
    measured: str
    ok: bool

    def __str__(self) -> str:
        verdict = "passed" if self.ok else "FAILED"
        return f"| {self.trigger} | {self.expected} | {self.measured} | {verdict} |"


def timed(trigger: str, what: str, most_seconds: float, seconds: float | None) -> Row:
    """A row about `what` having happened in time; None: it was not seen."""
    measured = "not seen" if seconds is None else f"{seconds:.2f} s"
    ok = seconds is not None and seconds <= most_seconds
    return Row(trigger, f"{what} within {most_seconds:g} s", measured, ok)


def clean(queries: int, empty: int, unanswered: int) -> Row:
    """The row that every drill has: nobody was told that there is nothing (I1)."""
    faults = empty + unanswered
    return Row(
        "all the while",
        "no answer empty, negative or missing",
        f"{faults:,} of {queries:,}",
        queries > 0 and not faults,
    )


def table(rows: list[Row]) -> str:
    """All of them, in Markdown."""
    lines = ["| trigger | expected | measured | |", "|---|---|---|---|", *map(str, rows)]
    return "\n".join(lines)
