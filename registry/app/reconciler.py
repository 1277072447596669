"""The reconciler of one cell: expire, probe, plan, publish, verify.

    seek the lead, and meanwhile probe as one observer of several
    take over: read the active plan, compare it with the registry, begin to probe
    until the lead is over, or the cell is frozen:
        what the mirror hears of       -> planned and published, in milliseconds
        leases that ran out            -> expired
        probes' verdicts               -> recorded
        every ten seconds              -> everything looked over, the stored plan as well
        every minute                   -> plans that nobody can reach are deleted
        staged changes                 -> judged, by the leader of the first cell
    stand down at once, and seek again

Only the leader of the cell does any of this. Nothing it meets ends it: a fault of its own
costs the lead, so that another node may try.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from registry import telemetry
from registry.app.committer import Committer
from registry.app.council import Council
from registry.app.freezer import Freezer
from registry.app.frontends import Frontends
from registry.app.lead import Lead
from registry.app.leasekeeper import Leasekeeper
from registry.app.mirror import Mirror
from registry.app.plan_cleaner import PlanCleaner
from registry.app.plan_feed import PlanFeed
from registry.app.probe_loop import ProbeLoop
from registry.app.probe_schedule import ProbeSchedule
from registry.app.publisher import Publisher
from registry.app.readiness import Readiness
from registry.app.reaper import Reaper
from registry.app.reign import Reign
from registry.app.sight import Sight
from registry.app.stager import Stager
from registry.app.sweeper import Sweeper
from registry.app.uptime import Uptime
from registry.app.vantage import Vantage
from registry.app.verdicts import Verdicts
from registry.app.verification import Verification
from registry.domain.change import (
    Change,
    InstancePut,
    InstanceRemoved,
    ServicePut,
    ServiceRemoved,
)
from registry.domain.errors import CellFrozen, LeadershipLost, StoreUnavailable
from registry.domain.gc import Keep
from registry.domain.guard import Limits
from registry.domain.health import Health
from registry.domain.instance import Instance
from registry.domain.names import CellName, Incarnation, InstanceKey, RegionName, ServiceKey
from registry.domain.observation import BEAT_SECONDS, ObserverId
from registry.domain.service import HealthPolicy
from registry.domain.stage import Pace
from registry.ports import Clock, Notifier, PlanCodec, Prober, Store

log = logging.getLogger(__name__)

FAULT_PAUSE_SECONDS = 1.0
FROZEN_PAUSE_SECONDS = 0.2
"""Time for the freezer to hear what the store said."""
ORIGIN_LIMIT = 10_000
"""Registrations whose trace is remembered until they are validated."""


class Reconciler:
    """Looks after one cell whenever this node leads it."""

    def __init__(
        self,
        cell: CellName,
        region: RegionName,
        node: str,
        *,
        store: Store,
        mirror: Mirror,
        keeper: Leasekeeper,
        committer: Committer,
        prober: Prober,
        codec: PlanCodec,
        clock: Clock,
        uptime: Uptime,
        feed: PlanFeed,
        frontends: Frontends,
        freezer: Freezer,
        notifier: Notifier | None = None,
        keep: Keep | None = None,
        clean_seconds: float = 60.0,
        lease_seconds: float = 6.0,
        debounce_seconds: float = 0.005,
        full_pass_seconds: float = 10.0,
        reap_after_seconds: float = 600.0,
        probe_concurrency: int = 256,
        limits: Limits | None = None,
        stages: Pace | None = None,
    ) -> None:
        """`stages`: how staged changes are judged; None leaves that to another cell's leader."""
        self.cell = cell
        self._mirror = mirror
        self._clock = clock
        self._feed = feed
        self._full_pass_seconds = full_pass_seconds
        self._reap_after_seconds = reap_after_seconds
        self._probe_concurrency = probe_concurrency
        self._prober = prober
        self._keeper = keeper
        self._committer = committer
        self._freezer = freezer
        self._lead = Lead(
            store,
            clock,
            uptime,
            cell,
            region,
            node,
            lease_seconds=lease_seconds,
            notifier=notifier,
        )
        self._publisher = Publisher(
            cell,
            store,
            mirror,
            codec,
            clock,
            uptime,
            feed,
            self._lead,
            debounce_seconds=debounce_seconds,
            limits=limits or Limits(),
        )
        self._cleaner = PlanCleaner(
            cell, self._lead, store, mirror, clock, uptime, keep or Keep(), clean_seconds
        )
        self._stager = (
            None if stages is None else Stager(self._lead, store, mirror, clock, uptime, stages)
        )
        self._readiness = Readiness(mirror, {cell: region})
        self._verification = Verification(cell, feed, frontends, clock)
        self._store = store
        self._uptime = uptime
        self._observer = ObserverId(f"node.{node}")
        self._sight = Sight(cell, mirror, clock.monotonic, keeper.renewals)
        self._vantage = Vantage(
            cell,
            region,
            self._observer,
            self._sight,
            store,
            mirror,
            prober,
            clock,
            uptime,
            self._health_policy,
            concurrency=probe_concurrency,
        )
        self._origins: dict[Incarnation, str] = {}
        self._reign: Reign | None = None

    def __repr__(self) -> str:
        what = "leading" if self.is_leading else "not leading"
        return f"<Reconciler {self.cell}: {what}, {self._publisher!r}>"

    @property
    def is_leading(self) -> bool:
        """Whether this node looks after the cell now."""
        return self._reign is not None

    @property
    def publisher(self) -> Publisher:
        """For looking at: the active plan, and what is refused."""
        return self._publisher

    async def run(self) -> None:
        """Seek the lead and use it, for ever; on cancellation the lead is given up.

        Frontends are verified whether this node leads or not: they speak to any node.
        """
        verification = asyncio.create_task(self._verification.run())
        try:
            while True:
                await self._freezer.until_thawed(self.cell)
                await self._seek()
                try:
                    await self._rule_apart()
                except* CellFrozen as frozen:
                    log.warning(
                        "the cell's automation stands still",
                        extra={"cell": self.cell, "reason": str(frozen.exceptions[0])},
                    )
                    self._freezer.suspect()
                    await self._lead.resign()
                    await self._clock.sleep(FROZEN_PAUSE_SECONDS)
                except* LeadershipLost as lost:
                    log.warning(
                        "this node leads the cell no more",
                        extra={"cell": self.cell, "reason": str(lost.exceptions[0])},
                    )
                except* Exception:
                    # A bug, or something nobody foresaw. Another node may fare better.
                    log.exception("the reconciler failed", extra={"cell": self.cell})
                    telemetry.task_restarts.add(1, {"task": f"reconciler {self.cell}"})
                    await self._lead.resign()
                    await self._clock.sleep(FAULT_PAUSE_SECONDS)
        finally:
            verification.cancel()
            await self._lead.resign()

    async def _seek(self) -> None:
        watching = asyncio.create_task(self._vantage.watch())
        try:
            await self._lead.seek()
        finally:
            watching.cancel()
            await asyncio.wait({watching})

    async def _rule_apart(self) -> None:
        # In a task of its own: a group of tasks that is ending for a fault of its own swallows
        # a cancellation that comes meanwhile, and leaves the count of them wrong (Python 3.11).
        ruling = asyncio.create_task(self._rule())
        try:
            await asyncio.wait({ruling})
        except asyncio.CancelledError:
            ruling.cancel()
            await asyncio.wait({ruling})
            if not ruling.cancelled():
                ruling.exception()  # why it was ending; nobody acts on that any more
            raise
        ruling.result()

    async def _rule(self) -> None:
        log.info("this node leads the cell", extra={"cell": self.cell, "lead": repr(self._lead)})
        self._keeper.begin_lead(self.cell)
        verdicts = Verdicts(self._committer, self._clock, self.cell, self._lead, self._mirror)
        reaper = Reaper(self._reap_after_seconds)

        def reconsider(incarnation: Incarnation) -> None:
            instance = self._mirror.by_incarnation.get(incarnation)
            if instance is not None:
                now = self._clock.monotonic()
                verdict = schedule.reconsider(instance.key, incarnation, now)
                if verdict is not None:
                    verdicts.add(verdict)
                self._publisher.ask_again(instance.key)

        council = Council(
            self.cell,
            self._observer,
            self._lead,
            self._store,
            self._sight,
            self._clock,
            self._uptime,
            reconsider,
        )
        schedule = ProbeSchedule(
            self._health_policy, note=self._sight.note, consult=council.consult
        )
        self._publisher.heed(council.agrees)
        self._publisher.up_for_seconds = lambda key: schedule.up_for_seconds(
            key, self._clock.monotonic()
        )
        reign = Reign(
            self.cell,
            self._clock,
            schedule,
            ProbeLoop(
                schedule,
                self._prober,
                self._clock,
                verdicts.add,
                concurrency=self._probe_concurrency,
            ),
            reaper,
        )
        sweeper = Sweeper(
            self.cell,
            self._lead,
            self._keeper,
            reaper,
            verdicts,
            self._committer,
            self._mirror,
            self._clock,
            is_held=self._publisher.is_held,
            is_vouched=lambda ended: schedule.vouches(
                ended.key, ended.incarnation, self._clock.monotonic()
            ),
        )
        for instance in self._mirror.instances.values():
            reign.put(instance)
        self._reign = reign
        unsubscribe = self._mirror.subscribe(self._heard)
        telemetry.leading.set(1, {"cell": self.cell})
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep_lead())
                tasks.create_task(self._publisher.run())
                tasks.create_task(reign.probes.run())
                tasks.create_task(verdicts.run())
                tasks.create_task(sweeper.run())
                tasks.create_task(council.run())
                tasks.create_task(self._vantage.tell(BEAT_SECONDS))
                tasks.create_task(self._look_over())
                tasks.create_task(self._cleaner.run())
                if self._stager is not None:
                    tasks.create_task(self._stager.run())
                tasks.create_task(self._halt_when_frozen())
        finally:
            unsubscribe()
            self._reign = None
            self._feed.release(self.cell)
            telemetry.leading.set(0, {"cell": self.cell})

    def _health_policy(self, key: ServiceKey) -> HealthPolicy:
        service = self._mirror.services.get(key)
        policy = None if service is None else service.policy
        return _DEFAULT_HEALTH_POLICY if policy is None else policy.health

    async def _keep_lead(self) -> None:
        self._feed.confirm(self.cell, self._lead.valid_until)
        async for valid_until in self._lead.keep():
            self._feed.confirm(self.cell, valid_until)
            self._publisher.wake()

    async def _halt_when_frozen(self) -> None:
        reason = await self._freezer.until_frozen(self.cell)
        raise CellFrozen(f"cells/{self.cell} is frozen: {reason}", cell=self.cell)

    async def _look_over(self) -> None:
        while True:
            await self._clock.sleep(self._full_pass_seconds)
            self._publisher.look_over()
            await self._readiness.measure(self.cell, self._clock)
            try:
                await self._publisher.audit()
            except StoreUnavailable as error:
                await self._clock.sleep(error.retry_after_seconds)

    # _heard
    #
    #   change             planned if                                  urgent
    #   -----------------  ------------------------------------------  ----------------------
    #   InstancePut        it is of this cell, or was                  unless UNKNOWN: that
    #                                                                  changes no answer
    #   InstanceRemoved    it was of this cell                         yes
    #   ServicePut         always: each cell has each service          no
    #   ServiceRemoved     always                                      yes
    def _heard(self, changes: Sequence[Change]) -> None:
        reign = self._reign
        if reign is None:
            return
        plan = self._publisher.changed
        for change in changes:
            match change:
                case InstancePut():
                    instance = change.instance
                    reign.put(instance)
                    if instance.registration.cell == self.cell or self._has(instance.key):
                        plan(
                            instance.key.service_key,
                            urgent=instance.health is not Health.UNKNOWN,
                            traceparent=self._origin(instance, change.traceparent),
                        )
                case InstanceRemoved():
                    reign.remove(change.key)
                    if change.cell == self.cell or self._has(change.key):
                        plan(change.key.service_key, urgent=True, traceparent=change.traceparent)
                case ServicePut():
                    plan(change.service.key, urgent=False, traceparent="")
                case ServiceRemoved():
                    plan(change.service.key, urgent=True, traceparent="")

    def _has(self, key: InstanceKey) -> bool:
        """Whether the active plan has an endpoint of that name: it may have left for another."""
        plan = self._publisher.plan
        entry = None if plan is None else plan.entries.get(key.service_key.entry)
        if entry is None or entry.plan is None:
            return False
        return any(endpoint.instance == key.instance for endpoint in entry.plan.endpoints)

    def _origin(self, instance: Instance, traceparent: str) -> str:
        """The trace a change belongs to: a first verdict belongs to the registration's."""
        if instance.health is not Health.UNKNOWN:
            return self._origins.pop(instance.incarnation, "") or traceparent
        if traceparent:
            while len(self._origins) >= ORIGIN_LIMIT:
                del self._origins[next(iter(self._origins))]
            self._origins[instance.incarnation] = traceparent
        return traceparent


_DEFAULT_HEALTH_POLICY = HealthPolicy()
