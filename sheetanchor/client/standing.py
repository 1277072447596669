"""Where a registration stands, as its application sees it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from sheetanchor.client.errors import SheetanchorError

_log = logging.getLogger(__name__)


class Status(Enum):
    """What holds for a registration now."""

    NEW = "new"
    """Not entered yet."""
    REGISTERING = "registering"
    """Being registered, for the first time or after a lost lease; tried until it works."""
    REGISTERED = "registered"
    """The lease is renewed in time."""
    UNCONFIRMED = "unconfirmed"
    """Registered, but the last renewal failed. The registry keeps serving the instance
    while it cannot hear from anyone; renewals go on."""
    DRAINING = "draining"
    """On its way out, still renewed."""
    LEFT = "left"
    """Out of the registry if `deregistered`, else left to its lease. Final."""
    SUPERSEDED = "superseded"
    """Another process registered the same instance; this one does not fight it. Final."""
    REFUSED = "refused"
    """The registry refuses the registration; see `error`. Tried again now and then."""

    @property
    def final(self) -> bool:
        """Whether nothing will change any more."""
        return self in (Status.LEFT, Status.SUPERSEDED)


@dataclass(frozen=True, slots=True)
class Standing:
    """One moment of a registration."""

    status: Status
    uid: str = ""
    """The incarnation; empty while there is none."""
    registry: str = ""
    """The node last asked."""
    serving: bool = True
    """What the application says of its own health."""
    renewals: int = 0
    """Renewals acknowledged, over all incarnations."""
    registrations: int = 0
    """Registrations acknowledged; more than 1 means that a lease was lost."""
    failures: int = 0
    """Calls failed in a row."""
    deregistered: bool = False
    """The registry has said that the incarnation is out of it."""
    error: SheetanchorError | None = None
    """The last failure; None when the last call succeeded."""


ChangeCallback = Callable[[Standing], None]


class Logbook:
    """Keeps the present standing, and tells who waits for a change of it.

    Written in one event loop; read from any thread.
    """

    def __init__(self, name: str, on_change: ChangeCallback | None) -> None:
        self._name = name
        self._on_change = on_change
        self._standing = Standing(Status.NEW)
        self._settled = asyncio.Event()
        self._ended = asyncio.Event()

    def __repr__(self) -> str:
        return f"Logbook({self._standing!r})"

    @property
    def standing(self) -> Standing:
        """The last entry."""
        return self._standing

    async def settled(self) -> Standing:
        """Wait until a registry has said yes or no, or the end."""
        await self._settled.wait()
        return self._standing

    async def ended(self) -> Standing:
        """Wait for the end."""
        await self._ended.wait()
        return self._standing

    def failed(self, status: Status, error: SheetanchorError, failures: int, registry: str) -> None:
        """A call failed, the `failures`-th in a row."""
        self._write(
            replace(
                self._standing, status=status, error=error, failures=failures, registry=registry
            )
        )

    def registered(self, uid: str, registry: str) -> None:
        """A registration was acknowledged."""
        self._write(
            replace(
                self._standing,
                status=Status.REGISTERED,
                uid=uid,
                registry=registry,
                registrations=self._standing.registrations + 1,
                failures=0,
                error=None,
            )
        )

    def renewed(self, registry: str) -> None:
        """A renewal was acknowledged."""
        before = self._standing
        self._write(
            replace(
                before,
                status=Status.DRAINING if before.status is Status.DRAINING else Status.REGISTERED,
                registry=registry,
                renewals=before.renewals + 1,
                failures=0,
                error=None,
            )
        )

    def lost(self) -> None:
        """The lease is gone; there is no incarnation now."""
        self._write(replace(self._standing, status=Status.REGISTERING, uid=""))

    def turned(self, status: Status, error: SheetanchorError | None = None) -> None:
        """The status changed, by itself or by the application's wish."""
        self._write(replace(self._standing, status=status, error=error))

    def left(self, *, deregistered: bool = False, error: SheetanchorError | None = None) -> None:
        """The end; what is known about the registry's side of it."""
        self._write(
            replace(self._standing, status=Status.LEFT, deregistered=deregistered, error=error)
        )

    def serving(self, serving: bool) -> None:
        """The application's own health changed."""
        self._write(replace(self._standing, serving=serving))

    def _write(self, standing: Standing) -> None:
        before, self._standing = self._standing, standing
        if standing.status not in (Status.NEW, Status.REGISTERING):
            self._settled.set()
        if standing.status.final:
            self._ended.set()
        if self._on_change is None or _news(before) == _news(standing):
            return
        try:
            self._on_change(standing)
        except Exception:  # the listener's bug must not cost the lease
            _log.exception("on_change of %s raised", self._name)


def _news(standing: Standing) -> tuple[Status, bool, int, bool]:
    return (
        standing.status,
        standing.serving,
        standing.registrations,
        standing.error is not None,
    )
