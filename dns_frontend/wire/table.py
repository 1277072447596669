"""The table of answers: what all cells say, ready to be sent.

A look-up is one dictionary access by view and question. A question that was never
asked is compiled when it first is; a service that changes has its compiled answers
made anew at once, so that an answer always comes from the generations that the table
holds (I5). Loading a cell therefore costs little, whatever is in it.

Not thread-safe: one event loop owns it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from struct import pack

from dns_frontend.plan.answer import Composer, RecordType
from dns_frontend.plan.answer import exists as service_exists
from dns_frontend.plan.entry import NO_ENTRIES, CellPosition, ServiceEntry, ServiceKey
from dns_frontend.plan.explanation import why
from dns_frontend.plan.keepsake import keepsake, recall
from dns_frontend.plan.ledger import Ledger
from dns_frontend.plan.population import Population
from dns_frontend.plan.ranking import Ranking
from dns_frontend.plan.zone import Kind, Place, ZoneSettings, locate
from dns_frontend.wire.apex import TYPE_ANY, Apex
from dns_frontend.wire.body import (
    CLASS_IN,
    EDE_STALE,
    NOERROR,
    NXDOMAIN,
    Body,
    Encoder,
    labels_of,
)
from dns_frontend.wire.option import extended_error
from dns_frontend.wire.reverse import ReverseZones

ANY_ORDER = (
    RecordType.SOA,
    RecordType.A,
    RecordType.AAAA,
    RecordType.SRV,
    RecordType.TXT,
)
"""ANY is answered with the first of these that there is (RFC 8482, section 4.1)."""

RECOMPILED_AT_ONCE = 100
"""A change of more services than this is compiled as it is asked for: queries come first."""
RECOMPILED_ENDPOINTS = 200
"""So is a service of more endpoints: not all that was ever asked of it is asked again."""
PASSING_MAXIMUM = 20_000
"""Answers kept that end with the next change, such as NODATA; a flood cannot make more."""


class AnswerTable:
    """All answers of one frontend. Feed it cells; look up bodies."""

    def __init__(self, zone: ZoneSettings, home: str, regions: tuple[str, ...]) -> None:
        """`regions` are those expected, in failover order; `home` may be among them."""
        self.cells: dict[str, CellPosition] = {}
        """Where each loaded cell stands."""
        self.pinned: frozenset[str] = frozenset()
        """The cells whose content an operator pinned."""
        self.faults = 0
        """Services and answers that could not be taken or made; each harmed itself only (I11)."""
        self._zone = zone
        self._ranking = Ranking(home, tuple(regions))
        self._expected = tuple(dict.fromkeys((home, *regions)))
        self._encoder = Encoder(zone.labels)
        self._composer = Composer(regions, zone.degraded_ttl_seconds, zone.labels)
        self._ledgers: dict[ServiceKey, Ledger] = {}
        self.services = self._ledgers
        """What is known of each service; all that is below any other name is denied."""
        self.zone_wire = self._encoder.zone_wire
        self.changes = 0
        """Rises when answers are no more what they were; those that are added change none."""
        self._population = Population()
        self._answers: dict[str, dict[bytes, Body]] = {}
        self._passing: dict[str, dict[bytes, Body]] = {}
        self._compiled: dict[ServiceKey, dict[tuple[str, bytes], tuple[Place, int]]] = {}
        self._due: dict[ServiceKey, float] = {}
        self._notable: set[ServiceKey] = set()
        self._now = 0.0
        self._apex = Apex(zone, self._encoder, self.missing_regions)
        self._reverse = ReverseZones(zone, self.missing_regions)

    def __repr__(self) -> str:
        cells = ", ".join(f"{c}@{p.generation}" for c, p in sorted(self.cells.items()))
        compiled = sum(map(len, self._answers.values()))
        return f"AnswerTable({len(self._ledgers)} services, {compiled} answers, cells: {cells})"

    # --- what cells say ----------------------------------------------------------------

    def load(
        self,
        position: CellPosition,
        entries: Mapping[str, ServiceEntry],
        now: float,
        held: Mapping[str, ServiceEntry] = NO_ENTRIES,
    ) -> None:
        """Replace the whole cell. A service that it does not mention is no deleted one (I7);
        `held` are answered as they are there, whatever `entries` says of them."""
        there = entries.keys() | held.keys()
        gone = [
            key
            for key, ledger in self._ledgers.items()
            if position.cell in ledger.entries and key.entry not in there
        ]
        said = [entry for key, entry in entries.items() if key not in held]
        self._apply(position, said, gone, held.values(), now, at_once=False)

    def update(
        self,
        position: CellPosition,
        changed: Mapping[str, ServiceEntry],
        removed: Collection[str],
        now: float,
        held: Mapping[str, ServiceEntry] = NO_ENTRIES,
    ) -> None:
        """Take one step of a cell's chain; costs what changed, not what there is.

        `held` are those that the cell lost with this step, answered all the same."""
        gone = [ServiceKey(*key.split("/", 1)) for key in removed if "/" in key]
        at_once = len(changed) + len(gone) + len(held) <= RECOMPILED_AT_ONCE
        self._apply(position, changed.values(), gone, held.values(), now, at_once=at_once)

    def forget(self, cell: str) -> None:
        """The cell is not loaded: nothing is denied for its region. What it said is answered."""
        self.cells.pop(cell, None)
        self._renew()

    def review(self, now: float) -> float | None:
        """Judge again the services whose hold has run out; returns when to come next, None
        when only a change of a cell can move anything."""
        self._now = max(self._now, now)
        for key in [key for key, time in self._due.items() if time <= now]:
            ledger = self._ledgers[key]
            if ledger.review(now):
                self._settle(key, ledger, at_once=True)
                self._passing.clear()
            self._mark(key, ledger)
        return min(self._due.values(), default=None)

    def mark_stale(self, regions: frozenset[str], lost: frozenset[str] = frozenset()) -> None:
        """These regions, and no others, were not confirmed for longer than allowed.

        Their answers go on (I15), and say so; those that are `lost` to us are not preferred.
        """
        if (regions, lost) == (self._composer.stale, self._composer.lost):
            return
        self._composer.stale, self._composer.lost = regions, lost
        self.changes += 1
        for answers in self._answers.values():
            answers.clear()
        self._compiled.clear()
        self._renew()

    def mark_pinned(self, cells: frozenset[str]) -> None:
        """These cells, and no others, are as an operator pinned them; `_why` says so."""
        if cells != self.pinned:
            self.pinned = cells
            self._passing.clear()

    @property
    def stale(self) -> frozenset[str]:
        """The regions last marked as stale."""
        return self._composer.stale

    def standings(self) -> Mapping[str, Mapping[str, object]]:
        """The failover state that the plans do not hold, by `namespace/service`, for JSON."""
        return {key.entry: keepsake(self._ledgers[key]) for key in sorted(self._notable)}

    def restore(self, standings: Mapping[str, Mapping[str, object]]) -> None:
        """Bring back what `standings` gave before a restart.

        To be called once, after the cells known from disk are loaded and before serving:
        then all answers are as they were (I16). What cannot be understood is left out and
        counted as a fault.
        """
        kept_by_key = {
            ServiceKey(*name.split("/", 1)): kept for name, kept in standings.items() if "/" in name
        }
        for key in [*self._ledgers, *(k for k in kept_by_key if k not in self._ledgers)]:
            ledger = self._ledger(key)
            try:
                recall(ledger, kept_by_key.get(key, {}), self._now)
            except (ValueError, TypeError, KeyError, IndexError, AttributeError):
                self.faults += 1
            self._settle(key, ledger, at_once=False)
        self._renew()

    # --- what clients ask --------------------------------------------------------------

    @property
    def missing_regions(self) -> tuple[str, ...]:
        """Expected regions of which no cell is loaded; while there are any, nothing is denied."""
        loaded = {position.region for position in self.cells.values()}
        return tuple(region for region in self._expected if region not in loaded)

    @property
    def ready(self) -> bool:
        """Whether every expected region is loaded."""
        return bool(self.cells) and not self.missing_regions

    @property
    def home(self) -> str:
        """The view of clients that are in no known network."""
        return self._ranking.home

    def denial(self, zone_offset: int) -> Body:
        """The answer for a name that is not there, whose zone part is at `zone_offset`."""
        return self._apex.denial(NXDOMAIN, zone_offset)

    def answers(self, view: str) -> dict[bytes, Body]:
        """The compiled answers of one view: by name in lower case, type and class.

        The dictionary stays the same one; look-ups that miss go to `find`.
        """
        return self._answers.setdefault(view, {})

    def find(self, name: bytes, record_type: int, view: str) -> Body:
        """The answer to a question of class IN; compiled now if it was not before.

        `name` is in uncompressed wire form and lower case.
        """
        key = name + pack("!HH", record_type, CLASS_IN)
        body = self.answers(view).get(key)
        if body is None:
            passing = self._passing.get(view)
            if passing is None:
                passing = self._passing[view] = {}
            body = passing.get(key)
            if body is None:
                body = self._resolve(name, record_type, view, key, passing)
        return body

    def _resolve(
        self, name: bytes, record_type: int, view: str, key: bytes, passing: dict[bytes, Body]
    ) -> Body:
        zone_offset = len(name) - len(self._encoder.zone_wire)
        labels = labels_of(name, zone_offset)
        if labels is None or not name.endswith(self._encoder.zone_wire):
            return self._reversed(name, record_type) or self._apex.refused
        if not self.cells:
            return self._apex.unready
        place = locate(labels)
        match place.kind:
            case Kind.SERVICE | Kind.PORT | Kind.INSTANCE | Kind.PROTOCOL | Kind.WHY:
                ledger = self._ledgers.get(ServiceKey(place.namespace, place.service))
                if ledger is None or not service_exists(ledger, place):
                    return self._apex.denial(NXDOMAIN, zone_offset)
                if place.kind is Kind.WHY:
                    body = self._why(ledger, place, record_type, view)
                else:
                    body = self._compile(ledger, place, record_type, view)
                    if body is not None:
                        self.answers(view)[key] = body
                        compiled = self._compiled.setdefault(ledger.key, {})
                        compiled[view, key] = (place, record_type)
                        return body
            case Kind.NAMESPACE:
                if not self._population.has(place.region, place.namespace):
                    return self._apex.denial(NXDOMAIN, zone_offset)
                body = None
            case Kind.REGION:
                if place.region not in self._expected and not any(
                    place.region == position.region for position in self.cells.values()
                ):
                    return self._apex.denial(NXDOMAIN, zone_offset)
                body = None
            case Kind.BRANCH:
                body = None
            case Kind.APEX:
                body = self._apex.zone(record_type)
            case Kind.NAMESERVER:
                body = self._apex.name_server(record_type)
            case Kind.NOWHERE:
                return self._apex.denial(NXDOMAIN, zone_offset)
        if body is None:
            body = self._apex.denial(NOERROR, zone_offset)
        if len(passing) >= PASSING_MAXIMUM:
            passing.clear()
        passing[key] = body
        return body

    def _reversed(self, name: bytes, record_type: int) -> Body | None:
        labels = labels_of(name, len(name) - 1) if self._reverse else None
        return self._reverse.find(labels, record_type) if labels is not None else None

    # --- compiling ---------------------------------------------------------------------

    def _compile(self, ledger: Ledger, place: Place, record_type: int, view: str) -> Body | None:
        if record_type == TYPE_ANY:
            for each in ANY_ORDER:
                body = self._compile(ledger, place, each, view)
                if body is not None:
                    return body
            return None
        answer = self._composer.compose(ledger, place, record_type, view)
        if answer is None:
            return None
        if answer.failed:
            return self._apex.failure(answer.note, answer.mode)
        return self._encoder.positive(
            answer.records.owner,
            answer.records,
            answer.additional,
            option=extended_error(EDE_STALE, answer.note) if answer.note else b"",
            mode=answer.mode,
            tailored=not place.region,
        )

    def _why(self, ledger: Ledger, place: Place, record_type: int, view: str) -> Body | None:
        if record_type not in (RecordType.TXT, TYPE_ANY):
            return None
        scope = self._composer.scope(ledger, view, place)
        records = why(self._composer, ledger, place, scope, self.cells, self.pinned)
        return self._encoder.positive(records.owner, records, tailored=not place.region)

    # --- keeping up --------------------------------------------------------------------

    def _apply(
        self,
        position: CellPosition,
        entries: Collection[ServiceEntry],
        gone: Collection[ServiceKey],
        held: Collection[ServiceEntry],
        now: float,
        *,
        at_once: bool,
    ) -> None:
        self._now = max(self._now, now)
        self.cells[position.cell] = position
        for entry in entries:
            ledger = self._ledger(entry.key)
            if ledger.says(position.cell, entry):
                continue
            try:
                ledger.put(position.cell, position.region, entry, now)
            except Exception:  # whatever one bad entry does, the others go on (I11)
                self.faults += 1
                continue
            self._settle(entry.key, ledger, at_once=at_once)
        for key in gone:
            known = self._ledgers.get(key)
            if known is not None:
                known.drop(position.cell, now)
                self._settle(key, known, at_once=at_once)
        for entry in held:
            ledger = self._ledger(entry.key)
            ledger.hold(position.cell, position.region, entry, now)
            self._settle(entry.key, ledger, at_once=at_once)
        self._renew()

    def _ledger(self, key: ServiceKey) -> Ledger:
        ledger = self._ledgers.get(key)
        if ledger is None:
            ledger = self._ledgers[key] = Ledger(key, self._ranking)
        return ledger

    def _settle(self, key: ServiceKey, ledger: Ledger, *, at_once: bool) -> None:
        """Bring everything derived from a ledger in line with it."""
        self._population.count(key, ledger.alive_in)
        self._reverse.put(ledger)
        self._mark(key, ledger)
        self.changes += 1
        compiled = self._compiled.pop(key, None)
        at_once = at_once and ledger.size <= RECOMPILED_ENDPOINTS
        for (view, question), (place, record_type) in (compiled or {}).items():
            self._answers[view].pop(question, None)
            if not at_once:
                continue
            try:
                if service_exists(ledger, place):
                    body = self._compile(ledger, place, record_type, view)
                    if body is not None:
                        self._answers[view][question] = body
                        self._compiled.setdefault(key, {})[view, question] = (place, record_type)
            except Exception:  # the question fails by itself when it is next asked (I11)
                self.faults += 1
        if not ledger.entries and not ledger.notable:
            del self._ledgers[key]

    def _mark(self, key: ServiceKey, ledger: Ledger) -> None:
        if ledger.notable:
            self._notable.add(key)
        else:
            self._notable.discard(key)
        due = ledger.due()
        if due is None:
            self._due.pop(key, None)
        else:
            self._due[key] = due

    def _renew(self) -> None:
        """After a change: what holds a serial number, or denies, is made anew."""
        self._passing.clear()
        for each in (self._apex, self._reverse):
            each.renew(self.cells.values(), self.missing_regions, self._composer.stale)
