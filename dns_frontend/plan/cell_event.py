"""What can happen to a cell at this frontend, and what is to be done about it, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from dns_frontend.plan.digest import EntryTree, Published
from dns_frontend.plan.entry import CellPosition
from dns_frontend.plan.guard import Finding
from dns_frontend.plan.holding import Held


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One generation, verified, and the names that are answered beside it."""

    position: CellPosition
    tree: EntryTree
    """What the registry published: `position.digest` is of this alone (I6)."""
    held: Held = field(default_factory=dict)
    """What is answered of names in place of what `tree` says, or does not say, of them."""

    @property
    def order(self) -> tuple[int, int]:
        """What only ever rises: (epoch, generation)."""
        return self.position.epoch, self.position.generation


# --- Events ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BaseArrived:
    """A whole generation; `position.digest` is what it claims, `tree` what was received."""

    now: float
    position: CellPosition
    tree: EntryTree


@dataclass(frozen=True, slots=True)
class DeltaArrived:
    """The step from one generation to the next."""

    now: float
    position: CellPosition
    parent_generation: int
    changed: Mapping[str, Published]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CheckpointArrived:
    """The registry says where the head is."""

    now: float
    epoch: int
    generation: int


@dataclass(frozen=True, slots=True)
class PinPlaced:
    """An operator wants this content served, whatever the registry says."""

    now: float
    snapshot: Snapshot
    reason: str
    """Who, when and why, for people; not empty."""


@dataclass(frozen=True, slots=True)
class PinLifted:
    """The operator wants the chain followed again."""

    now: float


@dataclass(frozen=True, slots=True)
class ServeFailed:
    """No answers could be made of what was accepted; how far it got is not known."""

    now: float
    failed: Snapshot
    before: Snapshot | None
    """What was answered from until then."""
    reason: str


Event = BaseArrived | DeltaArrived | CheckpointArrived | PinPlaced | PinLifted | ServeFailed


# --- Effects ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Persist:
    """Write the step from `parent` to disk before anybody hears of it; None: write it whole."""

    snapshot: Snapshot
    parent: Snapshot | None
    changed: Mapping[str, Published]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Serve:
    """Answer from it from now on. `whole`: there was nothing before."""

    snapshot: Snapshot
    changed: Mapping[str, Published]
    removed: tuple[str, ...]
    whole: bool
    held: Held = field(default_factory=dict)
    """What is held from now on; of no other name that is held anything changes."""


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Tell the registry. `finding` is None when the generation is served."""

    position: CellPosition
    finding: Finding | None
    held: Held = field(default_factory=dict)
    """The names that it lost or emptied, when it is served all the same."""


class Doubt(Enum):
    """Why a chain cannot be followed from here."""

    NO_BASE = "no_base"
    GAP = "gap"
    DIGEST = "digest"


@dataclass(frozen=True, slots=True)
class Resync:
    """Ask for the cell whole."""

    doubt: Doubt


class Vanity(Enum):
    """Why an event was of no use."""

    OLD = "old"
    DEPOSED = "deposed"
    LAGGING = "lagging"


@dataclass(frozen=True, slots=True)
class Ignore:
    """Count it, do nothing."""

    vanity: Vanity


@dataclass(frozen=True, slots=True)
class TakeBack:
    """Answer from this again, whole, and from nothing that was accepted since; None: from
    nothing of the cell, so that the region is not taken for known (I17)."""

    snapshot: Snapshot | None


Effect = Persist | Serve | Acknowledge | Resync | Ignore | TakeBack
