"""A registry node: all of `registry.app` as the server puts it together, without sockets."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from random import Random
from typing import cast

from proof.contents import CODEC
from proof.system.clock import ProcessClock
from proof.system.database import Line
from proof.system.loop import Process
from registry.adapters.probe.scripted import ScriptedProber
from registry.app.audit import Scribe
from registry.app.committer import Committer
from registry.app.controls import Controls
from registry.app.freezer import Freezer
from registry.app.frontends import Frontends
from registry.app.heartbeats import Heartbeats
from registry.app.leasekeeper import Leasekeeper
from registry.app.mirror import Mirror
from registry.app.plan_feed import PlanFeed
from registry.app.reconciler import Reconciler
from registry.app.registrar import Registrar
from registry.app.renewals import Renewals
from registry.app.supervisor import Supervisor
from registry.app.uptime import Uptime
from registry.domain.errors import StoreUnavailable
from registry.domain.gc import Keep
from registry.domain.names import CellName, RegionName
from registry.domain.occupancy import Occupancy
from registry.ports import Store

LEASE_SECONDS = 3.0
KEEP = Keep(generations=3, seconds=2.0, frontend_seconds=15.0)


class Node:
    """One life of a registry node. `cell` is the one that its cluster owns."""

    def __init__(
        self,
        process: Process,
        line: Line,
        clock: ProcessClock,
        cell: CellName,
        random: Random,
        freeze_file: Callable[[], str | None],
        run: str,
    ) -> None:
        """`run`: a name for this life alone, so that the epoch rises with a restart."""
        serial = count(1)
        store = cast("Store", line)
        self.process = process
        self.line = line
        self.clock = clock
        self.is_ready = False
        """Whether requests are let in."""
        self._cell = cell
        cells = {cell: RegionName(cell)}
        self._uptime = Uptime(clock)
        self._mirror = Mirror(store, clock, self._uptime)
        keeper = Leasekeeper(self._mirror, self._uptime)
        self.occupancy = Occupancy()
        self._mirror.subscribe(self.occupancy.heard)
        self._committer = Committer(store, self._mirror, clock, self._uptime, self.occupancy)
        self._renewals = Renewals(store, keeper, clock, self._uptime)
        self._supervisor = Supervisor(clock)
        self.feed = PlanFeed(store, clock, self._uptime, cells, poll_seconds=0.25)
        self.frontends = Frontends(store, self.feed, clock, self._uptime)
        self._freezer = Freezer(store, clock, self._uptime, cells, freeze_file)
        self.reconciler = Reconciler(
            cell,
            cells[cell],
            run,
            store=store,
            mirror=self._mirror,
            keeper=keeper,
            committer=self._committer,
            prober=ScriptedProber(clock),
            codec=CODEC,
            clock=clock,
            uptime=self._uptime,
            feed=self.feed,
            frontends=self.frontends,
            freezer=self._freezer,
            keep=KEEP,
            clean_seconds=2.0,
            lease_seconds=LEASE_SECONDS,
            full_pass_seconds=5.0,
            reap_after_seconds=10.0,
        )
        self.registrar = Registrar(
            self._committer,
            keeper,
            clock,
            cells,
            self.occupancy,
            lambda: f"{run}-{next(serial)}",
            random.random,
        )
        self.heartbeats = Heartbeats(
            store,
            self._mirror,
            keeper,
            self._renewals,
            self._committer,
            self._uptime,
            random.random,
        )
        scribe = Scribe(clock, lambda: f"{run}-deed-{next(serial)}")
        self.controls = Controls(store, clock, self._uptime, CODEC, scribe, self._freezer.file_of)

    def __repr__(self) -> str:
        return f"<Node {self.process!r} {self.reconciler!r}>"

    async def live(self) -> None:
        """Come up as the server does, and stay."""
        while True:
            try:
                await self._mirror.load()
                break
            except StoreUnavailable as error:
                await self.clock.sleep(error.retry_after_seconds)
        for name, run in (
            ("uptime", self._uptime.run),
            ("mirror", self._mirror.follow),
            ("committer", self._committer.run),
            ("renewals", self._renewals.run),
            ("plan feed", self.feed.run),
            ("frontends", self.frontends.run),
            ("freezer", self._freezer.run),
            ("reconciler", self.reconciler.run),
        ):
            self._supervisor.start(name, run)
        self.is_ready = True
