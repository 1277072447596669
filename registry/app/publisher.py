"""Publishes one cell's plan: plan what changed, let the guard judge, move the head.

A step goes like this:

    take what changed -> plan each service -> guard -> next generation -> compare-and-set
        won             -> the step is taken on, watchers are told
        lost            -> the head is read anew, and what changed is planned on that (I2, I37)
            refused         -> the database holds something that this contradicts: as lost, and
                           what it holds is read whole; but a tombstone of a service that
                           lives again (`revival.py`) is as lost
    store is away   -> nothing is known to have happened: the same, once it answers
        lead is over    -> LeadershipLost, at once

Its cost follows what changed. What the database holds can never stop it (I10): a head
whose plan cannot be read is followed by a generation planned in full.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from registry import telemetry
from registry.app.alarm import Alarm
from registry.app.lead import Lead
from registry.app.mirror import Mirror
from registry.app.omissions import Omissions
from registry.app.plan_event import position_of
from registry.app.plan_feed import PlanFeed
from registry.app.plan_reader import PlanReader
from registry.app.proposals import Proposals
from registry.app.refusals import Refusals
from registry.app.removals import Removals
from registry.app.revival import lives_again
from registry.app.uptime import Uptime
from registry.app.worklist import Work, Worklist
from registry.domain.cell_plan import CellPlan, Step
from registry.domain.errors import RegistryError, RuleBroken, StoreUnavailable
from registry.domain.guard import Finding, Limits
from registry.domain.names import (
    NO_GENERATION,
    CellName,
    Generation,
    InstanceKey,
    ServiceKey,
)
from registry.domain.plan import Head
from registry.domain.protection import Agrees
from registry.domain.publication import is_outrun, must_publish, next_step
from registry.domain.rest import publish_rest
from registry.ports import Clock, PlanCodec, Publication, Store

log = logging.getLogger(__name__)

CHANGED_LIMIT = 512
"""Changed services planned in one step."""
OVERDUE_LIMIT = 128
"""Services looked over in one step: few, so that a change need not wait long."""


class Publisher:
    """The publisher of one cell, while this node leads it."""

    def __init__(
        self,
        cell: CellName,
        store: Store,
        mirror: Mirror,
        codec: PlanCodec,
        clock: Clock,
        uptime: Uptime,
        feed: PlanFeed,
        lead: Lead,
        *,
        debounce_seconds: float,
        limits: Limits,
    ) -> None:
        self.plan: CellPlan | None = None
        """The active generation; None before it is known."""
        self.up_for_seconds: Callable[[InstanceKey], float] = lambda _: float("inf")
        """For how long an instance has been healthy, for its slow start."""
        self._cell = cell
        self._store = store
        self._mirror = mirror
        self._clock = clock
        self._uptime = uptime
        self._feed = feed
        self._lead = lead
        self._reader = PlanReader(store, codec, uptime, cell)
        self._debounce_seconds = debounce_seconds
        self._worklist = Worklist()
        self._removals = Removals(cell, store, clock, uptime)
        self._omissions = Omissions(cell)
        self._proposals = Proposals(cell, mirror, codec, clock, limits, self._removals)
        self._refusals = Refusals(store, uptime)
        self._alarm = Alarm(clock)
        self._is_in_doubt = False
        """Whether the database contradicted what is thought to be the head."""
        self._is_aligned = False
        """Whether `plan` is known to be what the head points to."""
        self._last_step_at = float("-inf")
        self._rest_until = float("-inf")
        self._skip = 0

    def __repr__(self) -> str:
        return f"<Publisher {self.plan!r} {self._worklist!r} refused={len(self.refused)}>"

    def heed(self, agrees: Agrees) -> None:
        """Ask these vantage points about removals that the cell's budget would hold (I8)."""
        self._removals.agrees = agrees

    @property
    def refused(self) -> Mapping[str, Finding]:
        """Services whose entries the guard keeps as they were, by key."""
        return self._proposals.refused

    def changed(self, service: ServiceKey, *, urgent: bool, traceparent: str) -> None:
        """A service is to be planned anew; urgent if that may change an answer."""
        now = self._clock.monotonic()
        self._worklist.add(service, now, urgent=urgent, traceparent=traceparent)
        self._alarm.ring()

    def ask_again(self, key: InstanceKey) -> None:
        """Another's word on an instance has changed: if its removal is held, that may end (I8)."""
        if self.is_held(key):
            self.changed(key.service_key, urgent=True, traceparent="")

    def look_over(self) -> None:
        """Plan everything anew when there is time: a lost event costs seconds only."""
        self._worklist.look_over(self._all_services())
        self._alarm.ring()

    def wake(self) -> None:
        """The lead was renewed: see whether frontends are ahead of the head, or it was moved.

        Nobody else may move it, but an older backup may have taken the database's place (I10).
        """
        head, plan = self._lead.head, self.plan
        if head is not None and plan is not None and self._is_aligned and not _is_at(plan, head):
            self._is_aligned = False
        if not self._is_aligned or self._is_outrun:
            self._alarm.ring()

    async def audit(self) -> None:
        """See whether what is stored can still be read; if not, it is published anew (I10).

        The leader itself needs nothing of it, but whoever leads next does, and other nodes do.
        Raises StoreUnavailable.
        """
        plan = self.plan
        if plan is None or not self._is_aligned or not plan.is_sound:
            return
        record = plan.record
        is_kept = await self._reader.is_kept(plan)
        if self.plan is plan and plan.record is record and not is_kept:
            log.error(
                "the active plan is not stored as it was published; it is published anew",
                extra={"cell": self._cell, "generation": record.generation},
            )
            self._is_in_doubt = True
            self._is_aligned = False
            self._alarm.ring()

    async def run(self) -> None:
        """Publish for ever. Raises LeadershipLost."""
        self._removals.begin()
        self._refusals.begin()
        self._is_aligned = False
        # Others may have led meanwhile, and not left the database as it should be.
        self._is_in_doubt = True
        # Whatever changed while nobody here listened.
        self.look_over()
        while True:
            try:
                if not self._is_aligned:
                    await self._align()
                await self._wait()
                if self._is_aligned:
                    await self._step()
            except StoreUnavailable as error:
                # Whether the head moved is not known until the store answers again.
                self._is_aligned = False
                await self._clock.sleep(error.retry_after_seconds)

    async def _align(self) -> None:
        """Find out what the head points to, and build on that."""
        head = (await self._lead.renew()).head
        plan = self.plan
        if plan is not None and plan.is_sound and plan.record.generation > head.generation:
            # An older backup: what was published since may be served somewhere (I1, I10).
            await self._feed.note_ahead(position_of(plan.record))
            head = (await self._lead.renew()).head
        if plan is None or self._is_in_doubt or not plan.is_sound or not _is_at(plan, head):
            plan = self.plan = await self._reader.read(head)
            await self._removals.align(plan)
            self._omissions.align(plan.entries)
            self._is_in_doubt = False
            if plan.is_sound:
                self._worklist.look_over(self._all_services())
            else:
                # All of it goes into the next generation.
                for service in self._all_services():
                    now = self._clock.monotonic()
                    self._worklist.add(service, now, urgent=True, traceparent="")
        if plan.is_sound:
            self._feed.adopt(plan.record, plan.bodies())
        telemetry.generation.set(plan.record.generation, {"cell": self._cell})
        self._is_aligned = True

    async def _wait(self) -> None:
        """Until a step is to be taken."""
        while self._is_aligned and self._plan.is_sound and not self._is_outrun:
            if not self._worklist:
                await self._alarm.wait()
                continue
            ready_at = self._worklist.ready_at(self._last_step_at, self._debounce_seconds)
            pause = max(ready_at, self._rest_until) - self._clock.monotonic()
            if pause <= 0.0:
                return
            await self._alarm.wait(pause)

    async def _step(self) -> None:
        plan = self._plan
        if not plan.is_sound:
            limit = max(1, len(self._all_services()))
        else:
            limit = CHANGED_LIMIT if self._worklist.has_changes else OVERDUE_LIMIT
        work = self._worklist.take(limit)
        begun = self._clock.monotonic()
        if work.changed:
            self._last_step_at = begun
        try:
            await self._plan_and_publish(plan, work, begun)
        except BaseException:
            self._worklist.put_back(work, self._clock.monotonic())
            raise
        await self._refusals.tell(self._lead.fence, self.refused)
        now = self._clock.monotonic()
        self._rest_until = now + publish_rest(now - begun, len(work.services))

    async def _plan_and_publish(self, plan: CellPlan, work: Work, begun: float) -> None:
        first = work.traceparents[0] if work.traceparents else ""
        parent = telemetry.context_of(first)
        links = telemetry.links_to(list(work.traceparents[1:]))
        # What the mirror holds now is in the plan; later changes may be, or come next.
        revision = self._mirror.revision
        if work.changed:
            with telemetry.tracer.start_as_current_span(
                "plan",
                context=parent,
                links=links,
                attributes={"cell": self._cell, "services": len(work.services)},
            ):
                judgement = await self._proposals.judge(plan, work, revision, self.up_for_seconds)
            telemetry.plan_duration.record(self._clock.monotonic() - begun, {"cell": self._cell})
        else:
            judgement = await self._proposals.judge(plan, work, revision, self.up_for_seconds)
        for key in judgement.postponed:
            self._worklist.add(ServiceKey.of_entry(key), begun, urgent=True, traceparent="")
        outrun = self._is_outrun
        if not outrun and not must_publish(plan, len(judgement.accepted)):
            return
        with telemetry.tracer.start_as_current_span(
            "publish", context=parent, links=links, attributes={"cell": self._cell}
        ) as span:
            fence = self._lead.fence
            step = next_step(
                plan,
                judgement.accepted,
                epoch=fence.epoch,
                revision=plan.record.revision if judgement.postponed else revision,
                now_ms=self._clock.unix_ms(),
                traceparent=telemetry.traceparent_of(span),
                skip=self._skip,
                above=self._seen if outrun else NO_GENERATION,
            )
            span.set_attribute("generation", step.record.generation)
            tracks = self._removals.records()
            won = await self._publish(
                Publication(
                    fence,
                    step.record,
                    step.delta,
                    step.base,
                    step.names,
                    step.heals,
                    tracks=tracks,
                )
            )
        if won:
            self._take_on(plan, step)
            self._removals.kept(tracks)
            self._removals.published(step.entries, step.record.generation)
            self._omissions.published(step.entries)
        else:
            self._is_aligned = False
            self._worklist.put_back(work, self._clock.monotonic())

    async def _publish(self, publication: Publication) -> bool:
        begun = self._clock.monotonic()
        try:
            with self._uptime.asking():
                won = await self._store.publish(publication)
        except Exception as error:
            if isinstance(error, RegistryError) and not isinstance(error, RuleBroken):
                raise
            if isinstance(error, RuleBroken) and await lives_again(publication, self._mirror):
                telemetry.publications_lost.add(1, {"cell": self._cell})
                log.info("a deleted service lives again; planned anew", extra={"cell": self._cell})
                return False
            # The database refuses this generation for what it holds already: a plan of that
            # number that no head points to, so the next number is free; or rows of names that
            # are not as they should be, so they are read and put right (I10).
            self._is_in_doubt = True
            self._skip = 2 * self._skip + 1
            log.exception(
                "a generation cannot be stored; trying another number",
                extra={"cell": self._cell, "generation": publication.record.generation},
            )
            await self._clock.sleep(min(1.0, 0.01 * self._skip))
            return False
        if not won:
            telemetry.publications_lost.add(1, {"cell": self._cell})
            log.warning(
                "the head was moved by another; planning anew from there",
                extra={"cell": self._cell, "generation": publication.record.generation},
            )
        telemetry.publish_duration.record(self._clock.monotonic() - begun, {"cell": self._cell})
        return won

    def _take_on(self, plan: CellPlan, step: Step) -> None:
        self._skip = 0
        was_sound = plan.is_sound
        plan.commit(step)
        if not (was_sound and self._feed.publish(step.record, step.delta)):
            self._feed.adopt(plan.record, plan.bodies())
        telemetry.plans_published.add(1, {"cell": self._cell})
        telemetry.generation.set(step.record.generation, {"cell": self._cell})

    @property
    def _is_outrun(self) -> bool:
        head, plan = self._lead.head, self.plan
        return head is not None and plan is not None and is_outrun(head, plan.record)

    @property
    def _seen(self) -> Generation:
        head = self._lead.head
        return NO_GENERATION if head is None else head.seen_generation

    def is_held(self, key: InstanceKey) -> bool:
        """Whether the active plan holds the removal of an instance from its name's answers."""
        entry = None if self.plan is None else self.plan.entries.get(key.service_key.entry)
        plan = None if entry is None else entry.plan
        return plan is not None and any(
            endpoint.instance == key.instance and endpoint.hold is not None
            for endpoint in plan.endpoints
        )

    @property
    def _plan(self) -> CellPlan:
        assert self.plan is not None, "aligned first"
        return self.plan

    def _all_services(self) -> dict[ServiceKey, None]:
        services = dict.fromkeys((*self._mirror.services, *self._mirror.by_service))
        if self.plan is not None:
            services |= dict.fromkeys(map(ServiceKey.of_entry, self.plan.entries))
        return services


def _is_at(plan: CellPlan, head: Head) -> bool:
    """Whether a plan is the one that the head points to."""
    return (plan.record.generation, plan.record.digest) == (head.generation, head.digest)
