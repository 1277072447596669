"""Judges staged changes: promotes what baked well, rolls back what did not (I18, I19).

One node does this, the leader of the registry's first cell, and writes under its fence. A
promotion is an edit like any other: planned, guarded and published as every change is.
What it knows of a bake is in its memory; the next leader begins the bake anew.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from registry import telemetry
from registry.app.lead import Lead
from registry.app.mirror import Mirror
from registry.app.uptime import Uptime
from registry.domain.change import Change, ServicePut, ServiceRemoved
from registry.domain.errors import ServiceNotFound, StoreUnavailable
from registry.domain.names import FrontendId, ServiceKey
from registry.domain.operation import EndStage
from registry.domain.service import Service
from registry.domain.stage import (
    Bake,
    Event,
    Failed,
    Judgement,
    Looked,
    Outcome,
    Pace,
    Vouched,
    begin,
    step,
)
from registry.domain.stage_report import StageWord
from registry.ports import (
    Clock,
    Store,
)

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


@dataclass(slots=True)
class _Case:
    bake: Bake
    heard: dict[FrontendId, int]
    """How many words of each canary were heard: only that they become more counts."""


class Stager:
    """The judge of this registry's staged changes, while this node leads."""

    def __init__(
        self, lead: Lead, store: Store, mirror: Mirror, clock: Clock, uptime: Uptime, pace: Pace
    ) -> None:
        self._lead = lead
        self._store = store
        self._mirror = mirror
        self._clock = clock
        self._uptime = uptime
        self._pace = pace
        self._look_seconds = min(LOOK_SECONDS, pace.gap_seconds / 4)
        self._cases: dict[ServiceKey, _Case] = {}

    def __repr__(self) -> str:
        return f"<Stager {len(self._cases)} baking>"

    async def run(self) -> None:
        """Judge for ever. Raises LeadershipLost."""
        self._cases = {}
        unsubscribe = self._mirror.subscribe(self._heard)
        try:
            for service in self._mirror.services.values():
                self._take(service)
            while True:
                await self._clock.sleep(self._look_seconds)
                if not self._cases:
                    continue
                try:
                    await self.look()
                except StoreUnavailable as error:
                    # Nor could canaries say anything: what was known is not good any more.
                    now = self._clock.monotonic()
                    for case in self._cases.values():
                        case.bake = begin(case.bake.uid, now)
                    await self._clock.sleep(error.retry_after_seconds)
        finally:
            unsubscribe()

    async def look(self) -> None:
        """Hear all that was said, and judge. Raises LeadershipLost, StoreUnavailable."""
        with self._uptime.asking():
            words = await self._store.stage_reports()
        now = self._clock.monotonic()
        for key, case in list(self._cases.items()):
            if self._cases.get(key) is not case:
                continue
            said = [word for word in words if word.report.service == key]
            judgement = self._judge(case, said, now)
            if judgement.outcome is not Outcome.BAKING:
                await self._end(key, case, judgement)

    def _judge(self, case: _Case, said: Sequence[StageWord], now: float) -> Judgement:
        judgement = Judgement(Outcome.BAKING)
        for event in (*_events(case, said), Looked()):
            case.bake, judgement = step(case.bake, event, now, self._pace)
            if judgement.outcome is not Outcome.BAKING:
                break
        return judgement

    async def _end(self, key: ServiceKey, case: _Case, judgement: Judgement) -> None:
        edit = EndStage(key, case.bake.uid, judgement.reason)
        try:
            with self._uptime.asking():
                _, changes, revision = await self._store.edit_service(edit, self._lead.fence)
        except ServiceNotFound:
            self._cases.pop(key, None)  # deleted meanwhile
            return
        self._mirror.absorb(changes, revision)
        if self._cases.get(key) is case:
            del self._cases[key]
        if not changes:
            return
        telemetry.stages_ended.add(1, {"outcome": judgement.outcome.value})
        told = {"service": key.entry, "stage": case.bake.uid, "revision": revision}
        if judgement.outcome is Outcome.PROMOTED:
            log.info("a staged change acts everywhere now", extra=told)
        else:
            log.error("a staged change was rolled back", extra=told | {"reason": judgement.reason})

    def _heard(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if isinstance(change, ServicePut | ServiceRemoved):
                self._take(change.service)

    def _take(self, service: Service) -> None:
        baking = service.baking
        if baking is None:
            self._cases.pop(service.key, None)
            return
        known = self._cases.get(service.key)
        if known is None or known.bake.uid != baking.uid:
            self._cases[service.key] = _Case(begin(baking.uid, self._clock.monotonic()), {})


def _events(case: _Case, said: Sequence[StageWord]) -> Iterator[Event]:
    """What was said of this stage since the last look. Words of an earlier judge's time are
    counted, not heard: only that more come shows that their speaker lives."""
    for word in said:
        report = word.report
        if report.stage_uid != case.bake.uid:
            continue
        if report.fault:
            yield Failed(report.frontend, report.fault)
        before = case.heard.get(report.frontend)
        case.heard[report.frontend] = word.words
        if word.words != before and (before is not None or word.words == 1):
            yield Vouched(report.frontend)
