"""An operator sends a cell's clients elsewhere for a while, as in a drill, and it ends by itself.

The end is a time of day that travels with the plan: every frontend lets it lapse by its own
clock, though whoever began it, and the registry, be dead. Nobody is diverted to nowhere:
where no other region stands in, the cell is answered with as before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from registry.domain.complaints import Complaints
from registry.domain.names import CellName

DURATION_SECONDS = (1.0, 3600.0)
"""An hour at most, so that a forgotten one is no lasting state."""
REASON_LIMIT = 256
"""Characters."""


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, Unix milliseconds."""

    create_time_ms: int
    end_time_ms: int


@dataclass(frozen=True, slots=True)
class Diversion:
    """One cell's endpoints of a service are not wanted meanwhile."""

    cell: CellName
    span: Span
    reason: str = ""


def admit(seconds: float, reason: str) -> None:
    """Refuse a wish that makes no sense, field by field. Raises InvalidField."""
    complaints = Complaints()
    if seconds:
        complaints.span("duration", seconds, DURATION_SECONDS, " s; 0 ends it")
        if not reason.strip():
            complaints.add("reason", "is required: others will ask why")
    if len(reason) > REASON_LIMIT or not all(map(str.isprintable, reason)):
        complaints.add("reason", f"must be at most {REASON_LIMIT} printable characters")
    complaints.check()


def audited(cell: CellName, seconds: float) -> str:
    """What the audit says of the wish, beside the service."""
    return f"from {cell} for {seconds:g} s" if seconds else f"from {cell}: ended"


# diverted
#
#   asked for   the cell's own now          another cell's, over  another cell's, not over
#   ----------  --------------------------  --------------------  ------------------------
#   some time   a new one in its place      dropped               kept
#   no time     none: it ends at once       dropped               kept
def diverted(
    known: Iterable[Diversion], cell: CellName, seconds: float, reason: str, now_ms: int
) -> tuple[Diversion, ...]:
    """A service's diversions after an operator's word on one cell, in order of cells."""
    kept = {each.cell: each for each in known if each.span.end_time_ms > now_ms}
    kept.pop(cell, None)
    if seconds > 0:
        kept[cell] = Diversion(cell, Span(now_ms, now_ms + round(seconds * 1000)), reason)
    return tuple(kept[name] for name in sorted(kept))
