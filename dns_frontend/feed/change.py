"""What happens to the answers of a frontend, as data, so that others can do it as well.

The workers of a frontend hold tables of their own. Each hears of the same changes in the
same order, with the times of the one who made them first, and so gives the same octets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from dns_frontend.plan.cell import Serve, Snapshot


@dataclass(frozen=True, slots=True)
class Begun:
    """A cell is answered from this, whatever was before."""

    snapshot: Snapshot
    now: float
    """When, by the monotonic clock, which all processes of a machine share."""
    wall: float
    """The same moment as Unix time."""


@dataclass(frozen=True, slots=True)
class Stepped:
    """A cell goes on from `before`."""

    before: Snapshot
    serve: Serve
    now: float
    wall: float


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A cell is not loaded any more."""

    cell: str


@dataclass(frozen=True, slots=True)
class Moved:
    """A cell says the same, and it lies elsewhere now: in less room."""

    snapshot: Snapshot
    now: float
    wall: float


@dataclass(frozen=True, slots=True)
class Recalled:
    """After the cells: the failover state that they do not hold."""

    standings: Mapping[str, Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Marked:
    """How answers are labelled from now on."""

    pinned: frozenset[str] = frozenset()
    """Cells as an operator pinned them."""
    stale: frozenset[str] = frozenset()
    """Regions that were not confirmed lately."""
    lost: frozenset[str] = frozenset()
    """Those of them that are not to be preferred."""


@dataclass(frozen=True, slots=True)
class Reviewed:
    """Time did its part."""

    now: float


Change = Begun | Stepped | Forgotten | Moved | Recalled | Marked | Reviewed


class Relay(Protocol):
    """The way to those that answer beside this process."""

    def tell(self, change: Change) -> None:
        """This was done to the answers here. Must not wait."""
        ...

    def when_served(self, then: Callable[[], None]) -> None:
        """Call `then` when all that was told has been done wherever answers come from; in the
        order of the calls, and at once when it has been. Must not wait."""
        ...


class Alone:
    """There is nobody else."""

    def tell(self, change: Change) -> None:
        """Nobody hears it."""

    def when_served(self, then: Callable[[], None]) -> None:
        """What is done here is done."""
        then()
