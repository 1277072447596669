"""The composition root of a DNS frontend: here, and only here, everything meets.

Start: lock the directory -> read the last known good -> answer -> follow the registries.
So what was known is answered before anybody is asked, and without anybody (I16). Stop is
the same backwards. Losing a registry, all registries or the disk while running ends
nothing and changes no answer (I15).
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from dns_frontend import telemetry
from dns_frontend.config import FrontendSettings
from dns_frontend.feed.applier import Applier
from dns_frontend.feed.canary import Canary, StageReport
from dns_frontend.feed.cell_gauges import CellGauges
from dns_frontend.feed.lkg import Finding, LastKnownGood, Recovered
from dns_frontend.feed.merge import merger
from dns_frontend.feed.observer import Observer, Quarantine, SightReport
from dns_frontend.feed.pins import PinBoard, PinWatch
from dns_frontend.feed.readiness import Readiness
from dns_frontend.feed.scribe import Scribe
from dns_frontend.feed.vault import Vault
from dns_frontend.feed.warden import Warden
from dns_frontend.plan.cell import CellState, Rules, Snapshot
from dns_frontend.plan.guard import Limits
from dns_frontend.plan.probation import Pace, begin
from dns_frontend.plan.role import Role
from dns_frontend.plan.substitute import distrust
from dns_frontend.plan.view import ClientRegions
from dns_frontend.plan.zone import ZoneSettings
from dns_frontend.plan.zone_wish import told
from dns_frontend.server.listener import Listener
from dns_frontend.server.responder import Responder
from dns_frontend.server.settings import ServerSettings
from dns_frontend.server.sharing import Sharing
from dns_frontend.wire.table import AnswerTable
from dns_frontend.workers.crew import Crew
from sheetanchor import process
from sheetanchor.collector import Collector
from sheetanchor.telemetry import StatusPage, TelemetrySettings

if TYPE_CHECKING:
    from dns_frontend.feed.follower import Follower

log = logging.getLogger(__name__)

STALENESS_SECONDS = 1.0
"""How often the ages of plans are looked at."""
LOOP_PAUSE_SECONDS = 1.0
"""From the death of a loop to its next life."""
FINISH_SECONDS = 5.0
"""How long what is waiting may take to be written at the end."""


class FrontendServer:
    """One DNS frontend. Start it once, stop it once. For one event loop."""

    def __init__(
        self,
        settings: FrontendSettings,
        answering: ServerSettings | None = None,
        *,
        status: StatusPage | None = None,
    ) -> None:
        """Raises ValueError for a zone or client networks that make no sense, and OSError or
        ValueError for cookie secrets that cannot be used."""
        self._settings = settings
        self._status = status
        self._limits = Limits()
        zone = ZoneSettings(
            settings.zone,
            (settings.advertise_address,),
            reverse_networks=settings.reverse_networks,
            networks=settings.networks,
        )
        self._table = AnswerTable(zone, settings.region, settings.regions)
        answering = answering or ServerSettings()
        self._crew = crew = Crew(settings, answering) if settings.workers > 1 else None
        self._responder = Responder(
            self._table,
            ClientRegions(settings.networks),
            settings=crew.answering if crew is not None else answering,
            commons=crew.commons if crew is not None else None,
        )
        self._table.zone.heed = self._heed
        self._listener = Listener(self._responder)
        self._table.recompilation.between = self._listener.answer_waiting
        self._disk = LastKnownGood(settings.data_dir, self._limits)
        pace = settings.feed
        self._scribe = Scribe(
            self._disk,
            settings.frontend_id,
            patience_seconds=pace.disk_patience_seconds,
            retry_seconds=pace.disk_retry_seconds,
        )
        rules = Rules(
            self._limits,
            pace.suspicion_seconds,
            merge=merger(self._limits),
            between=self._listener.answer_waiting,
        )
        self._applier = Applier(
            settings.frontend_id, self._table, self._scribe, rules, role=settings.role, relay=crew
        )
        self._canary = Canary(
            settings.frontend_id,
            self._applier,
            self._table,
            zone,
            settings.regions,
            self._report,
            period_seconds=pace.rehearsal_seconds,
        )
        self._observer = Observer(settings.frontend_id, self._applier, self._observe)
        self._readiness = Readiness(settings.frontend_id, self._table, settings.regions)
        self._vault = Vault(settings.data_dir, self._limits)
        self._warden = Warden(
            settings.frontend_id,
            self._vault,
            self._applier.states,
            Pace(pace.soak_seconds, pace.good_interval_seconds),
        )
        self._pins = PinWatch(PinBoard(settings.data_dir, self._limits), self._applier)
        self._answering = False
        self._followers: list[Follower] = []
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._withdrawals: list[Callable[[], None]] = []

    def __repr__(self) -> str:
        return f"<FrontendServer {self._settings.frontend_id} {self._table!r} {self._followers}>"

    @property
    def dns_address(self) -> str:
        """`HOST:PORT` where DNS is served. Raises RuntimeError before `start`."""
        host, port = self._listener.address
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def ready(self) -> bool:
        """Whether every expected region was ever heard of, and all workers have answered."""
        return self._table.ready and not self._cell_trouble()

    @property
    def disk_failing(self) -> bool:
        """Whether what is served may not survive a restart."""
        return self._scribe.failing

    async def start(self) -> None:
        """Come up; returns when queries are answered, be it with SERVFAIL (I17).

        Raises DnsListenError, OSError when the directory cannot be had, and
        DirectoryInUseError when another frontend uses the directory.
        """
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        settings = self._settings
        if self._status is not None:
            self._status.add_check(f"cells of {settings.frontend_id}", self._cell_trouble)
        self._disk.open()
        recovered = await self._read()
        standings, finding = self._disk.read_standings()
        for each in recovered:
            for damage in each.findings:
                self._tell_damage(damage, str(each.source or "nothing"))
        if finding is not None:
            self._tell_damage(finding, "nothing")
        fresh = {each.cell: each.snapshot for each in recovered if each.snapshot is not None}
        self._applier.restore(await self._trusted(fresh), standings, self._older)
        await self._pins.look()
        self._applier.serve_waiting()
        crew = self._crew
        sharing = Sharing.NONE if crew is None else Sharing.FIRST
        await self._listener.start(settings.host, settings.port, sharing)
        self._withdrawals = [
            self._responder.counters.show(settings.frontend_id, "" if crew is None else "0"),
            CellGauges(settings.frontend_id, self._applier, self._scribe).show(),
            self._readiness.show(),
        ]
        if crew is not None:
            crew.start(self._applier.answering, self._listener.address[1])
            self._withdrawals.append(crew.show())
        self._answering = True
        self._run("scribe", self._scribe.run)
        self._run("warden", self._warden.run)
        self._run("pins", self._pins.run)
        self._run("applier", self._applier.run)
        self._run("staleness", self._watch_staleness)
        self._run("readiness", self._readiness.run)
        if settings.role is Role.CANARY:
            self._run("canary", self._canary.run)
        if settings.probe:
            self._run("observer", self._observer.run)
        cells = self._table.cells
        log.info(
            "the frontend answers",
            extra={
                "frontend": settings.frontend_id,
                "dns": self.dns_address,
                "udp_loop": self._listener.udp_loop.value,
                "zone": settings.zone,
                "cells": ",".join(f"{c}@{p.generation}" for c, p in sorted(cells.items())),
                "missing": ",".join(self._table.missing_regions),
            },
        )
        # Only now, and beside the answering: gRPC takes longer to load than all of the above.
        follower = await asyncio.to_thread(importlib.import_module, "dns_frontend.feed.follower")
        for addresses in settings.registries:
            follows: Follower = follower.Follower(settings, addresses, self._applier, self._limits)
            self._followers.append(follows)
            self._withdrawals.append(follows.show())
            self._run(f"follower of {follows.cluster}", follows.run)

    async def stop(self) -> None:
        """Go down in order. Harmless twice."""
        scribe = self._tasks.pop("scribe", None)
        for task in [*reversed(self._tasks.values()), scribe]:
            if task is not None:
                task.cancel()
                await asyncio.wait({task})
        self._tasks.clear()
        self._listener.stop()
        if self._crew is not None:
            await self._crew.stop()
        settled = await self._scribe.close(FINISH_SECONDS)
        if self._answering:
            await self._warden.end()
            self._answering = False
        if settled:
            # a write that hangs may yet be done: the directory stays ours until the process ends
            self._disk.close()
        for withdraw in self._withdrawals:
            withdraw()
        self._withdrawals = []
        if self._status is not None:
            self._status.remove_check(f"cells of {self._settings.frontend_id}")
        log.info("the frontend has stopped", extra={"frontend": self._settings.frontend_id})

    async def _trusted(self, fresh: Mapping[str, Snapshot]) -> list[CellState]:
        """What to begin with: the newest, or the known good where the newest seems to kill us.

        A cell of which only a known good can be read begins with that.
        """
        good = await asyncio.to_thread(self._vault.newest)
        lives = await asyncio.to_thread(self._vault.read_record)
        beginning = begin(
            lives,
            {cell: each.position.digest for cell, each in fresh.items()},
            {cell: each.position.digest for cell, each in good.items()},
        )
        try:
            await asyncio.to_thread(self._vault.write_record, beginning.record)
        except OSError as error:
            # without a record no life is ever found to have ended badly
            log.error("the record of our lives cannot be written", extra={"error": str(error)})
        self._warden.begin(beginning.record, good)
        states = []
        for cell in sorted(fresh.keys() | good.keys()):
            state = CellState(cell, served=fresh.get(cell) or good[cell])
            if cell in beginning.distrusted:
                state = distrust(fresh[cell], good[cell], time.monotonic())
                log.error(
                    "this frontend died again and again: a known good is served instead",
                    extra={"cell": cell, "state": repr(state), "deaths": lives.deaths + 1},
                )
            states.append(state)
        return states

    def _older(self, failed: Snapshot) -> Iterator[Snapshot]:
        """What a cell may begin with in place of this: what it followed, and the known goods."""
        cell = failed.position.cell
        before = self._disk.peek(cell, below=failed.order).snapshot
        if before is not None:
            yield before
        yield from (good for good in self._vault.of(cell) if good.order < failed.order)

    def _tell_damage(self, finding: Finding, instead: str) -> None:
        frontend = self._settings.frontend_id
        telemetry.disk_damages.add(1, {"frontend": frontend, "damage": finding.damage.value})
        log.error(
            "a file of the last known good is damaged",
            extra={"frontend": frontend, "found": str(finding), "used": instead},
        )

    async def _read(self) -> list[Recovered]:
        """All that is on disk; when cancelled, the thread has let go of the files before."""
        told = threading.Event()

        def read() -> list[Recovered]:
            found = []
            for each in self._disk.load():
                if told.is_set():
                    break
                if each is not None:
                    found.append(each)
            return found

        reading = asyncio.create_task(asyncio.to_thread(read))
        try:
            return await asyncio.shield(reading)
        except asyncio.CancelledError:
            told.set()
            await asyncio.wait({reading})
            raise

    def _heed(self, zone: ZoneSettings) -> None:
        """The plans say something else of the zone: clients may be in other regions now."""
        self._responder.clients.place(ClientRegions(zone.networks))
        log.info(
            "the zone's settings are others now",
            extra={"frontend": self._settings.frontend_id, **told(zone)},
        )

    def _run(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        self._tasks[name] = asyncio.create_task(self._keep(name, run), name=name)

    async def _keep(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """A loop that dies by a mistake of ours is told of, and started again."""
        while True:
            try:
                await run()
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                # not ours: something that the loop waited for was cancelled under it
                log.error("a loop was cut off; it is started again", extra={"task": name})
            except Exception:
                log.exception("a loop died; it is started again", extra={"task": name})
            await asyncio.sleep(LOOP_PAUSE_SECONDS)

    async def _report(self, report: StageReport) -> None:
        owner = self._applier.owner(report.cell)
        for follower in self._followers:
            if follower.cluster == owner:
                await follower.report(report)

    async def _observe(self, report: SightReport) -> Quarantine | None:
        owner = self._applier.owner(report.cell)
        for follower in self._followers:
            if follower.cluster == owner:
                return await follower.observe(report)
        return None

    async def _watch_staleness(self) -> None:
        """Mark the answers of regions that were not confirmed lately; they go on (I15)."""
        while True:
            stale = self._applier.stale_regions(self._settings.stale_seconds)
            if stale != self._table.stale:
                log.warning(
                    "regions whose answers are marked as stale",
                    extra={
                        "frontend": self._settings.frontend_id,
                        "stale": ",".join(sorted(stale)),
                    },
                )
            answering = self._applier.answering
            marks = replace(answering.marks, stale=stale, lost=self._observer.lost(stale))
            # where these differ all answers are compiled anew, at most once a second
            answering.mark(marks)
            if self._crew is not None:
                self._crew.tick()
            await asyncio.sleep(STALENESS_SECONDS)

    # Readiness asks for nothing but what is held: no loss of others may take it away (I15).
    def _cell_trouble(self) -> str:
        missing = self._table.missing_regions
        if missing:
            return f"nothing is known yet of {', '.join(missing)}"
        return self._crew.trouble() if self._crew is not None else ""


def run(
    settings: FrontendSettings,
    telemetry: TelemetrySettings | None = None,
    answering: ServerSettings | None = None,
    *,
    status: StatusPage | None = None,
) -> None:
    """Run a frontend as this process until SIGTERM or SIGINT; a second one ends it at once.

    `status` is started and stopped with it. Raises as `FrontendServer.start`.
    """
    telemetry = telemetry or TelemetrySettings("sheetanchor-dns", settings.frontend_id)
    make = partial(FrontendServer, settings, answering, status=status)
    process.run(make, telemetry, status=status, collector=Collector())
