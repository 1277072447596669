"""What somebody did by hand, as it is written down, and for how long it is kept (I41).

A deed of an operator is written in the transaction that does it. One that was done to a
frontend, with nobody to ask, is told by that frontend, perhaps more than once and long after.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from hashlib import sha256

from registry.domain.names import FrontendId

KEEP_SECONDS = 400 * 86_400.0
"""More than a year, so that last year's exercise can be looked up at this year's."""
KEEP_ENTRIES = 50_000
"""Of operators, and again of frontends: one that runs wild pushes out no operator's word."""


class Act(Enum):
    """What can be done by hand."""

    BREAK_GLASS_PIN = "break_glass_pin"
    BREAK_GLASS_LIFT = "break_glass_lift"
    ROLL_BACK = "roll_back"
    FREEZE = "freeze"
    UNFREEZE = "unfreeze"
    PIN_PLAN = "pin_plan"
    UNPIN_PLAN = "unpin_plan"
    DELETE_SERVICE = "delete_service"
    UPDATE_SERVICE = "update_service"
    DECIDE_REMOVAL = "decide_removal"
    DIVERT_SERVICE = "divert_service"
    UPDATE_ZONE = "update_zone"
    UNKNOWN = "unknown"
    """Read, never written: what a node of a later version wrote down."""

    @classmethod
    def _missing_(cls, value: object) -> Act:
        return cls.UNKNOWN


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that was done by hand."""

    uid: str
    """The same however often it is told."""
    act: Act
    subject: str
    """A resource name."""
    actor: str
    reason: str
    time_ms: int
    """When it was done, by the clock of where it was done; Unix milliseconds."""
    cell: str = ""
    frontend: str = ""
    """Empty where it was done at a registry."""
    detail: str = ""
    generation: int = 0
    digest: bytes = b""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A deed, as it was written down."""

    deed: Deed
    receive_time_ms: int
    """By the registry's clock; Unix milliseconds."""

    @property
    def position(self) -> tuple[int, str]:
        """Its place among the entries, which are listed from the highest down."""
        return self.receive_time_ms, self.deed.uid


def told_uid(frontend: FrontendId, act_uid: str) -> str:
    """The uid of a deed that a frontend tells: no frontend can take another's."""
    return sha256(f"{frontend}\0{act_uid}".encode()).hexdigest()[:32]


# oldest_kept_ms
#
#   received                       newer entries of its kind   the entry
#   -----------------------------  --------------------------  ---------
#   over KEEP_SECONDS ago          any                         goes
#   later                          KEEP_ENTRIES or more        goes
#   later                          fewer                       stays
#
# Counted from its receipt: what a frontend with a wrong clock tells is kept as long.
def oldest_kept_ms(now_ms: int, crowded_ms: int | None) -> int:
    """When the oldest entries that are kept were received.

    `crowded_ms` is when the last of the newest KEEP_ENTRIES was; None when there are fewer.
    """
    return max(now_ms - round(KEEP_SECONDS * 1000), 0 if crowded_ms is None else crowded_ms)
