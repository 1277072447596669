"""What a canary does beyond serving: it tries staged changes, and says how they do (I19).

Each period, for each staged change that is served here: the answers by the policy in force
and by the staged one, a question to our own table, and connections to where clients would
be sent. `plan.rehearsal` judges; the registry decides what follows from our word. Should
this die, the registry hears no more, and takes the change back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from dns_frontend import telemetry
from dns_frontend.feed.applier import Applier
from dns_frontend.plan.answer import Composer, RecordType
from dns_frontend.plan.entry import ZONE_KEY, ServiceKey
from dns_frontend.plan.ledger import Ledger
from dns_frontend.plan.rehearsal import Look, Said, Target, fault_of, rehearse, targets_of
from dns_frontend.plan.zone import ZoneSettings
from dns_frontend.plan.zone_rehearsal import SERVICES, fault_of_settings, looks_of, moves
from dns_frontend.plan.zone_wish import in_force
from dns_frontend.wire.body import NOERROR, NXDOMAIN, wire_name
from dns_frontend.wire.table import AnswerTable

log = logging.getLogger(__name__)

CONNECT_SECONDS = 1.0
CONNECTIONS_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class StageReport:
    """How a staged change does here; `fault` is empty when it does well."""

    cell: str
    service: ServiceKey
    uid: str
    fault: str


Report = Callable[[StageReport], Awaitable[None]]
"""Tells the registry of the report's cell. Never raises for what the registry does."""


class Canary:
    """One frontend's. For one event loop."""

    def __init__(
        self,
        frontend: str,
        applier: Applier,
        table: AnswerTable,
        zone: ZoneSettings,
        regions: tuple[str, ...],
        report: Report,
        *,
        period_seconds: float,
    ) -> None:
        self._frontend = frontend
        self._applier = applier
        self._table = table
        self._own = zone
        self._zone = zone.labels
        self._composer = Composer(regions, zone.degraded_ttl_seconds, zone.labels)
        self._regions = regions
        self._report = report
        self._period_seconds = period_seconds
        self._slots = asyncio.Semaphore(CONNECTIONS_AT_ONCE)
        self._faults: dict[str, str] = {}
        """By stage: what was last found, so that it is logged once."""
        self._turn = 0

    def __repr__(self) -> str:
        return f"<Canary {self._frontend} {len(self._faults)} stages>"

    async def run(self) -> None:
        """Rehearse for ever."""
        while True:
            await asyncio.sleep(self._period_seconds)
            await self.look()

    async def look(self) -> None:
        """Try all that is staged, once, and report it."""
        stages: dict[tuple[ServiceKey, str], str] = {}
        for cell, entry in self._applier.staging.staged():
            if entry.staged is not None:
                # cells of one registry stage the same change: it is tried once
                stages.setdefault((entry.key, entry.staged.uid), cell)
        self._faults = {uid: self._faults.get(uid, "") for _, uid in stages}
        await asyncio.gather(*(self._try(cell, key, uid) for (key, uid), cell in stages.items()))

    async def _try(self, cell: str, key: ServiceKey, uid: str) -> None:
        if key == ZONE_KEY and not self._table.ready:
            return  # of what is not loaded nothing can be said: not that it does badly, either
        try:
            fault = await self._fault(key, uid)
        except Exception as error:
            # what makes us fail would make the others fail
            log.exception("a staged change could not be tried", extra={"service": key.entry})
            fault = f"it could not be tried: {type(error).__name__}: {error}"
        verdict = "failed" if fault else "ok"
        telemetry.rehearsals.add(1, {"frontend": self._frontend, "verdict": verdict})
        if fault and self._faults.get(uid) != fault:
            log.error(
                "a staged change does badly here",
                extra={"frontend": self._frontend, "service": key.entry, "fault": fault},
            )
        self._faults[uid] = fault
        await self._report(StageReport(cell, key, uid, fault))

    async def _fault(self, key: ServiceKey, uid: str) -> str:
        said = self._said(key)
        if not any(e.entry.staged is not None and e.entry.staged.uid == uid for e in said):
            return ""  # it ended this very moment
        if key == ZONE_KEY:
            return await self._zone_fault(said, uid)
        looks = rehearse(key, said, uid, self._composer, self._regions)
        accepted = await self._connect(targets_of(looks))
        return fault_of(looks, accepted) or self._unanswered(key, looks)

    def _said(self, key: ServiceKey) -> list[Said]:
        """What each cell says of a service, as published."""
        found = []
        for served in (state.served for state in self._applier.states()):
            published = None if served is None else served.tree.get(key.entry)
            if served is not None and published is not None and published.entry is not None:
                found.append(Said(served.position.cell, served.position.region, published.entry))
        return found

    async def _zone_fault(self, said: Iterable[Said], uid: str) -> str:
        staging = [
            (each.region, each.entry.policy, each.entry.staged.policy)
            for each in said
            if each.entry.staged is not None and each.entry.staged.uid == uid
        ]
        before, after = (
            in_force(self._own, None if policy is None else policy.zone)
            for policy in staging[0][1:]
        )
        moved = moves(before, after, (region for region, _, _ in staging))
        known = {position.region for position in self._table.cells.values()}
        fault = fault_of_settings(before, after, moved, known)
        if fault or not moved:
            return fault or self._zone_unanswered()
        looks = looks_of(moved, self._next_ledgers(), self._composer)
        accepted = await self._connect(targets_of(looks))
        return fault_of(looks, accepted) or self._zone_unanswered()

    def _next_ledgers(self) -> list[Ledger]:
        """Some services, at each turn others: a bake sees many."""
        known = list(self._table.services.values())
        start = self._turn * SERVICES % max(1, len(known))
        self._turn += 1
        return (known[start:] + known[:start])[:SERVICES]

    def _zone_unanswered(self) -> str:
        """What our own table, asked as a client asks, says wrongly of the zone itself."""
        for labels, kind, rcode in (
            ((), RecordType.SOA, NOERROR),
            ((), RecordType.NS, NOERROR),
            (("no-such-name",), RecordType.A, NXDOMAIN),
        ):
            name = wire_name((*labels, *self._zone))
            found = self._table.find(name, kind, self._table.home).rcode
            if found != rcode:
                return f"{kind.name} of {'.'.join((*labels, 'the zone'))}: rcode {found}"
        return ""

    def _unanswered(self, key: ServiceKey, looks: Iterable[Look]) -> str:
        """What our own table, asked as a client asks, answers nothing to, and should."""
        name = wire_name((key.service, key.namespace, "svc", *self._zone))
        for look in looks:
            if look.in_force is None or look.staged is None:
                continue
            if self._table.find(name, look.type, look.view).mode is None:
                return f"{look.type.name} for clients in {look.view}: the table has no answer"
        return ""

    async def _connect(self, targets: Iterable[Target]) -> Mapping[Target, bool]:
        wanted = list(targets)
        results = await asyncio.gather(*(self._accepts(target) for target in wanted))
        return dict(zip(wanted, results, strict=True))

    async def _accepts(self, target: Target) -> bool:
        async with self._slots:
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    _, writer = await asyncio.open_connection(target.address, target.port)
            except OSError:  # a timeout is one as well
                return False
            writer.close()
            return True
