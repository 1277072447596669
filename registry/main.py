"""The composition root of a registry node: here, and only here, everything meets.

Start: listen (answering "not ready") -> open the database -> read it into the mirror
-> start the loops -> let requests in. Stop is the same backwards: say "not serving" and
finish what is under way -> give up the lead of the cells -> write what is waiting -> close
the database. Losing the database while running ends nothing: the node says so, answers
what it knows from memory, and goes on when the database does.
"""

from __future__ import annotations

import asyncio
import logging
import resource
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from random import Random
from typing import TypeVar

from registry.adapters.clock import SystemClock
from registry.adapters.probe.probers import system_probers
from registry.adapters.rpc.admin import AdminService
from registry.adapters.rpc.discovery import DiscoveryService
from registry.adapters.rpc.page_token import PageTokens
from registry.adapters.rpc.plan_codec import ProtoPlanCodec
from registry.adapters.rpc.publication import PublicationService
from registry.adapters.rpc.registration import RegistrationService
from registry.adapters.rpc.server import RpcServer
from registry.adapters.store.factory import migrate, open_notifier, open_store
from registry.adapters.switch_file import read_switch
from registry.adapters.uid import UidSource
from registry.app.audit import Audit, Scribe
from registry.app.canaries import Canaries
from registry.app.catalog import Catalog
from registry.app.committer import Committer
from registry.app.compactor import Compactor
from registry.app.controls import Controls
from registry.app.freezer import Freezer
from registry.app.frontends import Frontends
from registry.app.heartbeats import Heartbeats
from registry.app.leasekeeper import Leasekeeper
from registry.app.mirror import Mirror
from registry.app.observers import Observers
from registry.app.plan_feed import PlanFeed
from registry.app.probe_loop import SOCKETS_A_SLOT
from registry.app.readiness import Readiness
from registry.app.reconciler import Reconciler
from registry.app.registrar import Registrar
from registry.app.reminder import Reminder
from registry.app.renewals import Renewals
from registry.app.resolver import Resolver
from registry.app.service_feed import ServiceFeed
from registry.app.supervisor import Supervisor
from registry.app.uptime import Uptime
from registry.app.zone_editor import ZoneEditor
from registry.config import RegistrySettings
from registry.domain.errors import StoreUnavailable
from registry.domain.gc import Keep
from registry.domain.names import CellName, RegionName
from registry.domain.occupancy import Occupancy
from registry.ports import Clock, Notifier
from sheetanchor import process
from sheetanchor.telemetry import StatusPage, TelemetrySettings

log = logging.getLogger(__name__)

T = TypeVar("T")
SERVER_HINT = (
    "is the server up, may this host reach it, and are host, port, name and user in --database-url"
    " right? This node goes on trying by itself"
)
FILE_HINT = "does another registry run on this --data-dir? This node gives up soon"
DISK_HINT = "is there room in --data-dir, and may this process write there? This node gives up soon"

GRACE_SECONDS = 5.0
FINISH_SECONDS = 5.0
"""How long what is waiting may take to be written at the end."""
LOCK_PATIENCE_SECONDS = 5.0
"""How long a SQLite file may be held by a process that is on its way out."""


class RegistryServer:
    """One registry node. Start it once, stop it once."""

    def __init__(
        self,
        settings: RegistrySettings,
        *,
        status: StatusPage | None = None,
        clock: Clock | None = None,
        notifier: Notifier | None = None,
    ) -> None:
        """`notifier`: how nodes wake each other, if not as the database does it."""
        self.cells: Mapping[CellName, RegionName] = settings.cells
        """The cells that this node may lead, with their regions."""
        self._settings = settings
        self._freeze_file = settings.freeze_file or settings.data_dir / "freeze"
        self._status = status
        self._clock = clock or SystemClock()
        self._uptime = Uptime(self._clock)
        self._random = Random()
        self._notifier = notifier or open_notifier(
            settings.database_url, settings.data_dir, self._clock, self._random.random
        )
        self._store = open_store(
            settings.database_url, settings.data_dir, self._clock, self._notifier
        )
        self._mirror = Mirror(
            self._store,
            self._clock,
            self._uptime,
            notifier=self._notifier,
            poll_seconds=settings.mirror_poll_seconds,
        )
        # before the mirror is loaded, so that it hears how often each lease was renewed
        self._keeper = Leasekeeper(self._mirror, self._uptime)
        self._occupancy = Occupancy()
        self._mirror.subscribe(self._occupancy.heard)
        self._committer = Committer(
            self._store, self._mirror, self._clock, self._uptime, self._occupancy
        )
        self._renewals = Renewals(self._store, self._keeper, self._clock, self._uptime)
        self._supervisor = Supervisor(self._clock)
        self._rpc = RpcServer()
        self._reconcilers: list[Reconciler] = []
        self._phase = "not started"
        """Why the node is not ready, in words; empty while it is."""

    def __repr__(self) -> str:
        return (
            f"<RegistryServer {self._settings.node} {self._phase or 'ready'} {self._rpc!r} "
            f"{self._mirror!r} {self._reconcilers}>"
        )

    @property
    def grpc_address(self) -> str:
        """`HOST:PORT` where gRPC is served; empty before `start`."""
        return self._rpc.address

    @property
    def leading(self) -> frozenset[CellName]:
        """The cells that this node leads now."""
        return frozenset(each.cell for each in self._reconcilers if each.is_leading)

    async def start(self) -> None:
        """Come up; returns when requests are let in.

        Waits for a PostgreSQL that does not answer yet, for as long as it takes. Raises
        GrpcListenError, OSError for a directory or file, SchemaOutdated, InvalidField for a
        database URL that means nothing, StoreUnavailable when the SQLite file is another process's.
        """
        if self._status is not None:
            self._status.add_check("store", self._store_trouble)
            self._status.add_check("mirror", lambda: self._phase)
            self._status.add_check("loops", self._loop_trouble)
        try:
            await self._start()
        except BaseException:
            await self.stop(0)
            raise

    async def _start(self) -> None:
        settings = self._settings
        self._phase = "the database has not been read yet"
        await self._rpc.listen(settings.listen)
        await asyncio.to_thread(settings.data_dir.mkdir, mode=0o700, parents=True, exist_ok=True)
        if settings.migrate:
            await self._patiently(partial(migrate, settings.database_url, settings.data_dir))
            log.info("the database's schema is up to date", extra={"node": settings.node})
        await self._patiently(self._store.open)
        uid = await self._patiently(self._store.uid)
        # an operator may freeze a cell from the first request on, led or not
        await self._patiently(partial(self._store.begin_cells, self.cells))
        await self._patiently(self._mirror.load)
        self._start_loop("notifier", self._notifier.run)
        self._start_loop("uptime", self._uptime.run)
        self._start_loop("mirror", self._mirror.follow)
        self._start_loop("committer", self._committer.run)
        self._start_loop("renewals", self._renewals.run)
        await self._compose(uid)
        self._phase = ""
        log.info(
            "the registry is ready",
            extra={
                "node": settings.node,
                "grpc": self.grpc_address,
                "cells": ",".join(self.cells),
                "revision": self._mirror.revision,
                "instances": len(self._mirror.instances),
            },
        )

    async def _compose(self, uid: str) -> None:
        settings, clock, uptime, store = self._settings, self._clock, self._uptime, self._store
        random, notifier = self._random, self._notifier
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        codec = ProtoPlanCodec()
        prober = await asyncio.to_thread(system_probers, settings.probe_ca_file)
        # after the mirror was loaded: that load is no history to resume a watch from
        service_feed = ServiceFeed(
            store, self._mirror, clock, uptime, checkpoint_seconds=settings.checkpoint_seconds
        )
        plan_feed = PlanFeed(
            store,
            clock,
            uptime,
            self.cells,
            notifier=notifier,
            checkpoint_seconds=settings.checkpoint_seconds,
        )
        frontends = Frontends(store, plan_feed, clock, uptime)
        canaries = Canaries(store, plan_feed, self._mirror, clock, uptime)
        freezer = Freezer(
            store,
            clock,
            uptime,
            self.cells,
            partial(read_switch, self._freeze_file),
            file=str(self._freeze_file.absolute()),
            notifier=notifier,
        )
        freezer.look_at_file()
        compactor = Compactor(
            store,
            clock,
            freezer,
            keep_revisions=settings.history_revisions,
            period_seconds=settings.compact_seconds,
        )
        pace = settings.reconciler
        # Half of the descriptors are for probes at most: callers need the others.
        affordable = descriptors // 2 // SOCKETS_A_SLOT
        concurrency = min(settings.probe_concurrency, affordable)
        if concurrency < settings.probe_concurrency:
            log.warning(
                "this process may not open enough files for the probes wished for",
                extra={"descriptors": descriptors, "probe_concurrency": concurrency},
            )
        self._reconcilers = [
            Reconciler(
                cell,
                region,
                settings.node,
                store=store,
                mirror=self._mirror,
                keeper=self._keeper,
                committer=self._committer,
                prober=prober,
                codec=codec,
                clock=clock,
                uptime=uptime,
                feed=plan_feed,
                frontends=frontends,
                freezer=freezer,
                notifier=notifier,
                keep=Keep(pace.keep_generations, pace.keep_seconds, pace.frontend_away_seconds),
                clean_seconds=pace.clean_seconds,
                lease_seconds=pace.leader_lease_seconds,
                debounce_seconds=pace.debounce_seconds,
                full_pass_seconds=pace.full_pass_seconds,
                reap_after_seconds=pace.reap_after_seconds,
                probe_concurrency=max(1, concurrency // len(self.cells)),
                stages=pace.stages if cell == min(self.cells) else None,
            )
            for cell, region in self.cells.items()
        ]
        self._start_loop("service feed", service_feed.run)
        self._start_loop("plan feed", plan_feed.run)
        self._start_loop("frontends", frontends.run)
        self._start_loop("canaries", canaries.run)
        self._start_loop("freezer", freezer.run)
        self._start_loop("compactor", compactor.run)
        for reconciler in self._reconcilers:
            self._start_loop(f"reconciler {reconciler.cell}", reconciler.run)
        keeper, committer, mirror = self._keeper, self._committer, self._mirror
        new_uid = UidSource(clock.unix_ms)
        registrar = Registrar(
            committer, keeper, clock, self.cells, self._occupancy, new_uid, random.random
        )
        heartbeats = Heartbeats(
            store, mirror, keeper, self._renewals, committer, uptime, random.random
        )
        catalog = Catalog(store, mirror, keeper, clock, uptime, codec, new_uid, canaries)
        scribe, audit = Scribe(clock, new_uid), Audit(store, uptime, self.cells)
        observers = Observers(store, clock, uptime, self.cells)
        await self._rpc.open_gate(
            RegistrationService(registrar, heartbeats),
            DiscoveryService(Resolver(mirror, self.cells), service_feed),
            PublicationService(plan_feed, frontends, canaries, audit, observers, clock),
            AdminService(
                catalog,
                registrar,
                Controls(store, clock, uptime, codec, scribe, freezer.file_of),
                audit,
                scribe,
                observers,
                PageTokens(uid.encode()),
                self._settings.known_regions,
                Readiness(mirror, self.cells),
                ZoneEditor(catalog, canaries, store, clock, new_uid),
            ),
        )

    async def stop(self, grace_seconds: float = GRACE_SECONDS) -> None:
        """Go down in order. `grace_seconds` is for requests under way."""
        self._phase = "this node is going down"
        await self._rpc.stop(grace_seconds)
        # the lead goes first: whoever takes over then finds all that was written since
        for reconciler in self._reconcilers:
            await self._supervisor.cancel(f"reconciler {reconciler.cell}")
        await self._supervisor.cancel("frontends")
        self._committer.close()
        self._renewals.close()
        await self._supervisor.finish("committer", FINISH_SECONDS)
        await self._supervisor.finish("renewals", FINISH_SECONDS)
        await self._supervisor.stop()
        await self._store.close()
        if self._status is not None:
            for name in ("store", "mirror", "loops"):
                self._status.remove_check(name)
        log.info("the registry has stopped", extra={"node": self._settings.node})

    def _start_loop(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        self._supervisor.start(name, run)

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        # A server that does not answer will be back, and no human need restart this node
        # then (I10). A file held by another process is most likely a mistake to be told of.
        patience = LOCK_PATIENCE_SECONDS if not self._settings.database_url else float("inf")
        begun = self._clock.monotonic()
        reminder = Reminder()
        while True:
            try:
                return await ask()
            except StoreUnavailable as error:
                now = self._clock.monotonic()
                if now >= begun + patience:
                    raise
                if reminder.is_due(now):
                    log.warning(
                        "waiting for the database",
                        extra={
                            "error": error.message,
                            "waited_seconds": round(now - begun),
                            "hint": self._hint(error),
                        },
                    )
                await self._clock.sleep(error.retry_after_seconds)

    def _hint(self, error: StoreUnavailable) -> str:
        if self._settings.database_url:
            return SERVER_HINT
        # only the holder of a lock is known by its process id
        return FILE_HINT if "pid" in error.details else DISK_HINT

    def _store_trouble(self) -> str:
        return "" if self._uptime.reachable else "the database does not answer"

    def _loop_trouble(self) -> str:
        down = self._supervisor.down
        return f"died and not running again yet: {', '.join(down)}" if down else ""


def run(
    settings: RegistrySettings,
    telemetry: TelemetrySettings | None = None,
    *,
    status: StatusPage | None = None,
) -> None:
    """Run a node as this process until SIGTERM or SIGINT; a second one ends it at once.

    `status` is started and stopped with it. Raises as `RegistryServer.start`.
    """
    telemetry = telemetry or TelemetrySettings("sheetanchor-registry", settings.node)
    process.run(partial(RegistryServer, settings, status=status), telemetry, status=status)
