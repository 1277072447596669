"""A frontend that probes (I14): it opens connections to the endpoints of its plans, and tells.

The registries of the endpoints' cells weigh what it finds among the words of others; here it
matters only while a plan is stale (`plan.living`). Work is bounded by a rate: more endpoints
make a round longer, not the machine busier, and the round's length is told. Nothing it meets
ends the answering.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import math
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from dns_frontend import telemetry
from dns_frontend.feed.applier import Applier
from dns_frontend.feed.targets import Target, Targets
from dns_frontend.plan.sight import NO_OPINION, Opinion, Seen, form, worst_of

log = logging.getLogger(__name__)

ROUND_SECONDS = 5.0
"""The shortest round."""
TRIES_A_SECOND = 500.0
AT_ONCE = 256
TIMEOUT_SECONDS = 2.0
SLICE_SECONDS = 0.05
"""Tries that are due within it are made together."""
BEAT_SECONDS = 2.5
WHOLE_SECONDS = 30.0
"""All is told anew so often, in case the registry has lost it."""
FINDINGS_LIMIT = 4096

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_ANSWERED_NO = (errno.ECONNREFUSED, errno.ECONNRESET)
_OWN_FAULT = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL)


@dataclass(frozen=True, slots=True)
class SightReport:
    """What this frontend sees of one cell; without `findings`, the same as before."""

    cell: str
    targets: int
    findings: dict[str, Seen] | None
    truncated: bool
    round_seconds: float


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Since when a registry does not believe this frontend, and why; 0 while it does."""

    since_ms: int = 0
    why: str = ""


Tell = Callable[[SightReport], Awaitable[Quarantine | None]]
"""Tells the registry of the report's cell, and brings back what that makes of it; None: it did
not take it. Never raises for what it does."""


class Observer:
    """One frontend's. For one event loop."""

    def __init__(self, frontend: str, applier: Applier, tell: Tell) -> None:
        self.round_seconds = ROUND_SECONDS
        """How long the round under way takes."""
        self._frontend = frontend
        self._applier = applier
        self._tell = tell
        self._targets = Targets()
        self._opinions: dict[str, Opinion] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._told: dict[str, tuple[int, dict[str, Seen]]] = {}
        self._whole_at = -math.inf
        self._quarantines: dict[str, Quarantine] = {}
        """By cell, what its registry last made of what is told."""

    def __repr__(self) -> str:
        return f"<Observer {self._frontend} {len(self._targets.all)} targets>"

    async def run(self) -> None:
        """Probe and tell, for ever; meanwhile the metrics show where it is not believed."""
        withdraw = telemetry.observe(telemetry.PROBES_DISBELIEVED, self._disbelieved)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._probe())
                tasks.create_task(self._report())
        finally:
            withdraw()

    def _disbelieved(self) -> telemetry.Readings:
        for cell, quarantine in self._quarantines.copy().items():
            attributes = {"frontend": self._frontend, "cell": cell}
            yield float(bool(quarantine.since_ms)), attributes

    def lost(self, regions: Collection[str]) -> frozenset[str]:
        """The incarnations in these regions that were well and do not answer us any more."""
        if not regions:
            return frozenset()
        failing = (Seen.REFUSED, Seen.TIMEOUT)
        return frozenset(
            each.incarnation
            for each in self._targets.all
            if each.region in regions
            and self._opinions.get(each.incarnation, NO_OPINION).seen in failing
        )

    # --- probing -----------------------------------------------------------------------

    async def _probe(self) -> None:
        # a new one, should this have died with tries under way
        self._slots = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as tries:
            while True:
                if await self._targets.follow(self._applier.states()):
                    self._opinions = {
                        each.incarnation: self._opinions.get(each.incarnation, NO_OPINION)
                        for each in self._targets.all
                    }
                count = len(self._targets.all)
                self.round_seconds = max(ROUND_SECONDS, count / TRIES_A_SECOND)
                begun = time.monotonic()
                for at, target in enumerate(self._targets.all):
                    due = begun + self.round_seconds * at / count
                    if due - time.monotonic() > SLICE_SECONDS:
                        await asyncio.sleep(due - time.monotonic())
                    await self._slots.acquire()
                    tries.create_task(self._try(target))
                left = begun + self.round_seconds - time.monotonic()
                # a round that had to wait for slots was longer, and that is told
                self.round_seconds = max(self.round_seconds, time.monotonic() - begun)
                await asyncio.sleep(max(left, SLICE_SECONDS))

    async def _try(self, target: Target) -> None:
        try:
            results = [await connect(address, target.port) for address in target.addresses]
        finally:
            self._slots.release()
        result = worst_of(results)
        telemetry.probes.add(1, {"frontend": self._frontend, "seen": result.value})
        opinion = self._opinions.get(target.incarnation)
        if opinion is not None:
            self._opinions[target.incarnation] = form(opinion, result)

    # --- telling -----------------------------------------------------------------------

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            await self.report()

    async def report(self) -> None:
        """Tell each cell's registry what is not seen well, or that nothing has changed."""
        if time.monotonic() - self._whole_at >= WHOLE_SECONDS:
            self._told.clear()
            self._whole_at = time.monotonic()
        counts: dict[str, int] = {}
        findings: dict[str, dict[str, Seen]] = {}
        for target in self._targets.all:
            counts[target.cell] = counts.get(target.cell, 0) + 1
            found = findings.setdefault(target.cell, {})
            seen = self._opinions.get(target.incarnation, NO_OPINION).seen
            if seen is not Seen.WELL:
                found[target.incarnation] = seen
        for gone in self._quarantines.keys() - findings.keys():
            del self._quarantines[gone]
        for cell, found in findings.items():
            news = (counts[cell], found)
            truncated = len(found) > FINDINGS_LIMIT
            said = {} if truncated else found
            report = SightReport(
                cell,
                counts[cell],
                None if self._told.get(cell) == news else said,
                truncated,
                self.round_seconds,
            )
            quarantine = await self._tell(report)
            if quarantine is None:
                self._told.pop(cell, None)
            else:
                self._told[cell] = news
                self._heed(cell, quarantine)

    # _heed
    #
    #   believed before  now             said
    #   ---------------  --------------  ------------------------------------------------
    #   yes              no              one error: an operator looks at this frontend's way
    #   no               yes             one warning: it is over
    #   as now           as before       nothing: it is known
    #
    # A registry that does not answer says nothing on it, and the last word stays. What is told
    # goes on: only by it can the registry find that this frontend sees again.
    def _heed(self, cell: str, quarantine: Quarantine) -> None:
        before = self._quarantines.get(cell, Quarantine())
        self._quarantines[cell] = quarantine
        if bool(before.since_ms) is bool(quarantine.since_ms):
            return
        extra = {"frontend": self._frontend, "cell": cell}
        if quarantine.since_ms:
            log.error(
                "this frontend's own probes are not believed by the cell's registry; look at its"
                " network",
                extra=extra | {"why": quarantine.why},
            )
        else:
            log.warning("this frontend's own probes are believed again", extra=extra)


async def connect(address: str, port: int) -> Seen:
    """Open a connection, and close it at once by a reset. Never raises but for cancellation."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as connection:
            connection.setblocking(False)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await asyncio.get_running_loop().sock_connect(connection, (address, port))
            # TCP simultaneous open: nobody listens, and the port met itself
            if connection.getsockname()[:2] == connection.getpeername()[:2]:
                return Seen.REFUSED
    except OSError as error:  # a timeout is one as well
        if error.errno in _ANSWERED_NO:
            return Seen.REFUSED
        return Seen.NOTHING if error.errno in _OWN_FAULT else Seen.TIMEOUT
    return Seen.WELL
