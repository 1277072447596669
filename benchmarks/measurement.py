"""One measured number beside its goal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measurement:
    """What was measured. `goal` is None where there is none."""

    name: str
    value: float
    unit: str
    goal: float | None = None
    higher_is_better: bool = False
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal was reached; None without one."""
        if self.goal is None:
            return None
        return self.value >= self.goal if self.higher_is_better else self.value <= self.goal

    @property
    def goal_text(self) -> str:
        """The goal as people write it."""
        if self.goal is None:
            return ""
        return f"{'>=' if self.higher_is_better else '<='} {self.goal:,g}"


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of all lie (nearest rank). Raises ValueError for none."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered)) - 1))]


def as_table(measurements: Sequence[Measurement]) -> str:
    """A Markdown table, which reads well in a terminal too."""
    words = {True: "met", False: "MISSED", None: ""}
    rows = [("what", "measured", "goal", "", "note")]
    rows += [
        (m.name, f"{m.value:,.{_digits(m.value)}f} {m.unit}", m.goal_text, words[m.met], m.note)
        for m in measurements
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def _digits(value: float) -> int:
    return 0 if value >= 1000 else 1 if value >= 10 else 2
