"""The table of answers: what all cells say, ready to be sent.

A look-up is one dictionary access by view and question. A question that was never
asked is compiled when it first is; a service that changes has its compiled answers
made anew at once, so that an answer always comes from the generations that the table
holds (I5). A cell is not even read before it is asked for: attaching one costs next to
nothing, whatever is in it, and all loops answer from this one table.

Not thread-safe: one event loop owns it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from struct import pack

from dns_frontend.plan.answer import Composer
from dns_frontend.plan.answer import exists as service_exists
from dns_frontend.plan.content import Content
from dns_frontend.plan.entry import NO_ENTRIES, CellPosition, ServiceEntry, ServiceKey
from dns_frontend.plan.keepsake import keepsake, recall
from dns_frontend.plan.ledger import Ledger
from dns_frontend.plan.ledgers import Ledgers
from dns_frontend.plan.ranking import Ranking
from dns_frontend.plan.zone import Kind, ZoneSettings, locate
from dns_frontend.wire.answers import Answers, asked
from dns_frontend.wire.apex import Apex
from dns_frontend.wire.body import (
    CLASS_IN,
    NOERROR,
    NXDOMAIN,
    Body,
    Encoder,
    labels_of,
)
from dns_frontend.wire.compiler import Compiler
from dns_frontend.wire.families import Families
from dns_frontend.wire.recompilation import Recompilation
from dns_frontend.wire.reverse import ReverseZones
from dns_frontend.wire.zone_in_force import ZoneInForce

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
        self._ranking = Ranking(home, tuple(regions))
        self._expected = tuple(dict.fromkeys((home, *regions)))
        self._encoder = Encoder(zone.labels)
        self._composer = Composer(regions, zone.degraded_ttl_seconds, zone.labels)
        self._reverse = ReverseZones(zone, self.missing_regions)
        # all names of a reverse zone must be known before any is denied
        self._ledgers = Ledgers(self._ranking, closing=not self._reverse, opened=self._reverse.put)
        self.services = self._ledgers.open
        """What is known of the services last asked for; for the others ask `service`."""
        self.zone_wire = self._encoder.zone_wire
        self.changes = 0
        """Rises when answers or denials are no more what they were; new ones change none."""
        self._answers = Answers(self._service_of)
        self._passing: dict[str, dict[bytes, Body]] = {}
        self._faults = 0
        self._now = 0.0
        self._apex = Apex(zone, self._encoder, self.missing_regions)
        self.families = Families(self._apex, self.zone_wire)
        """What is denied by a look-up; to be asked before `find`."""
        self._compiler = Compiler(self._composer, self._encoder, self._apex, self.cells)
        self.recompilation = Recompilation(
            self._answers, self._compiler, self.service, self.zone_wire
        )
        self.zone = ZoneInForce(zone, self._composer, self._apex, self._reverse)

    def __repr__(self) -> str:
        cells = ", ".join(f"{c}@{p.generation}" for c, p in sorted(self.cells.items()))
        return f"AnswerTable({self._ledgers!r}, {len(self._answers)} answers, cells: {cells})"

    @property
    def faults(self) -> int:
        """Services and answers that could not be taken or made; each harmed itself only (I11)."""
        return self._faults + self._ledgers.faults + self.recompilation.faults

    # --- what cells say ----------------------------------------------------------------

    def load(
        self,
        position: CellPosition,
        entries: Mapping[str, ServiceEntry],
        now: float,
        held: Mapping[str, ServiceEntry] = NO_ENTRIES,
    ) -> None:
        """Replace the whole cell. A service that it does not mention is no deleted one (I7).

        `held` are answered as they are there, whatever `entries` says of them.
        """
        gone = list(self._ledgers.others(position.cell, entries.keys() | held.keys()))
        self._ledgers.detach(position.cell)
        said = [entry for key, entry in entries.items() if key not in held]
        self._apply(position, said, gone, held.values(), now, at_once=False)

    def attach(
        self,
        position: CellPosition,
        content: Content,
        now: float,
        held: Mapping[str, ServiceEntry] = NO_ENTRIES,
    ) -> None:
        """The same, with entries that are read when they are asked for, none of a held name."""
        self._now = max(self._now, now)
        said: dict[str, ServiceEntry] = {}
        for key in [*self._ledgers.open]:
            entry = content.entry(key.entry)
            if entry is not None:
                said[key.entry] = entry
        gone = list(self._ledgers.others(position.cell, said.keys() | held.keys()))
        self._apply(
            position, said.values(), gone, held.values(), now, at_once=False, content=content
        )

    def update(
        self,
        position: CellPosition,
        changed: Mapping[str, ServiceEntry],
        removed: Collection[str],
        now: float,
        held: Mapping[str, ServiceEntry] = NO_ENTRIES,
        content: Content | None = None,
    ) -> None:
        """Take one step of a cell's chain; costs what changed, not what there is.

        `held` are those that the cell lost with this step, answered all the same. `content`
        is what the cell says after it, for a cell that was attached.
        """
        gone = [ServiceKey(*key.split("/", 1)) for key in removed if "/" in key]
        at_once = len(changed) + len(gone) + len(held) <= RECOMPILED_AT_ONCE
        self._apply(
            position, changed.values(), gone, held.values(), now, at_once=at_once, content=content
        )

    def move(self, cell: str, content: Content) -> None:
        """An attached cell says the same, and now it lies elsewhere."""
        self._ledgers.attach(self.cells[cell], content, self._now)

    def forget(self, cell: str) -> None:
        """The cell is not loaded: nothing is denied for its region. What it said is answered."""
        self.cells.pop(cell, None)
        self._renew()

    def review(self, now: float) -> float | None:
        """Judge again the services whose hold has run out; returns when to come next, None
        when only a change of a cell can move anything."""
        self._now = max(self._now, now)
        ledgers = self._ledgers
        for key in [key for key, time in ledgers.due.items() if time <= now]:
            ledger = ledgers.open[key]
            if ledger.review(now):
                self._settle(ledger, at_once=True)
                self._passing.clear()
            else:
                ledgers.settle(ledger)
        self.recompilation.run()
        return min(ledgers.due.values(), default=None)

    def mark_stale(self, regions: frozenset[str], lost: frozenset[str] = frozenset()) -> None:
        """These regions, and no others, were not confirmed for longer than allowed.

        Their answers go on (I15), and say so; those that are `lost` to us are not preferred.
        """
        if (regions, lost) == (self._composer.stale, self._composer.lost):
            return
        self._composer.stale, self._composer.lost = regions, lost
        self._renew(all_anew=True)

    def mark_pinned(self, cells: frozenset[str]) -> None:
        """These cells, and no others, are as an operator pinned them; `_why` says so."""
        if cells != self._compiler.pinned:
            self._compiler.pinned = cells
            self._passing.clear()

    @property
    def stale(self) -> frozenset[str]:
        """The regions last marked as stale."""
        return self._composer.stale

    def standings(self) -> Mapping[str, Mapping[str, object]]:
        """The failover state that the plans do not hold, by `namespace/service`, for JSON."""
        ledgers = self._ledgers
        return {key.entry: keepsake(ledgers.open[key]) for key in sorted(ledgers.notable)}

    def restore(self, standings: Mapping[str, Mapping[str, object]]) -> None:
        """Bring back what `standings` gave before a restart.

        Once, after the cells known from disk are loaded and before serving: all answers are
        as they were then (I16). What cannot be understood is left out, and counted as a fault.
        """
        kept_by_key = {
            ServiceKey(*name.split("/", 1)): kept for name, kept in standings.items() if "/" in name
        }
        # all others are judged anew when they are opened
        for key in {**dict.fromkeys(self._ledgers.open), **kept_by_key}:
            ledger = self._ledgers.make(key, self._now)
            try:
                recall(ledger, kept_by_key.get(key, {}), self._now)
            except (ValueError, TypeError, KeyError, IndexError, AttributeError):
                self._faults += 1
            self._settle(ledger, at_once=False)
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

    def service(self, key: tuple[str, str]) -> Ledger | None:
        """What is known of a service; all that is below the name of an unknown one is denied."""
        return self._ledgers.find(ServiceKey(*key), self._now)

    def each(self) -> Iterator[Ledger | None]:
        """All services, each as it is when its turn comes; nothing stays open for it."""
        return (self._ledgers.glance(key, self._now) for key in self._ledgers.names())

    def denial(self, zone_offset: int) -> Body:
        """The answer for a name that is not there, whose zone part is at `zone_offset`."""
        return self._apex.denial(NXDOMAIN, zone_offset)

    def answers(self, view: str) -> dict[bytes, Body]:
        """The compiled answers of one view: by name in lower case, type and class.

        The dictionary stays the same one; look-ups that miss go to `find`.
        """
        return self._answers.view(view)

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
                ledger = self.service((place.namespace, place.service))
                if ledger is None:
                    return self._apex.denial(NXDOMAIN, zone_offset)
                if not service_exists(ledger, place):
                    self.families.remember(ledger)
                    return self._apex.denial(NXDOMAIN, zone_offset)
                if place.kind is Kind.WHY:
                    body = self._compiler.why(ledger, place, record_type, view)
                else:
                    body = self._compiler.compile(ledger, place, record_type, view)
                    if body is not None:
                        self._answers.put(ledger.key, view, key, body)
                        return body
            case Kind.NAMESPACE:
                if not self._ledgers.exists(place.region, place.namespace):
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
        content: Content | None = None,
    ) -> None:
        self._now = max(self._now, now)
        self.cells[position.cell] = position
        self.changes += 1  # also if it fails half-way
        if not at_once:
            # what ledgers that are not open say may have changed as well
            self.families.clear()
        for entry in entries:
            # opened, if it was not, from what the cells said before
            ledger = self._ledgers.make(entry.key, self._now)
            if ledger.says(position.cell, entry):
                continue
            try:
                ledger.put(position.cell, position.region, entry, now)
            except Exception:  # whatever one bad entry does, the others go on (I11)
                self._ledgers.keep(entry.key)
                continue
            self._settle(ledger, at_once=at_once)
        for key in gone:
            known = self._ledgers.find(key, self._now)
            if known is not None:
                known.drop(position.cell, now)
                self._settle(known, at_once=at_once)
        for entry in held:
            ledger = self._ledgers.make(entry.key, self._now)
            ledger.hold(position.cell, position.region, entry, now)
            self._settle(ledger, at_once=at_once)
        if content is not None:
            self._ledgers.attach(position, content, self._now)
        self._renew()
        self.recompilation.run()

    def _settle(self, ledger: Ledger, *, at_once: bool) -> None:
        """Bring everything derived from a ledger in line with it."""
        self._ledgers.settle(ledger)
        self.families.forget(ledger.key)
        self._reverse.put(ledger)
        self.changes += 1
        questions = self._answers.take(ledger.key)
        if at_once and ledger.size <= RECOMPILED_ENDPOINTS:
            self.recompilation.add(ledger.key, questions)

    def _service_of(self, question: bytes) -> ServiceKey:
        place = locate(asked(question, self.zone_wire)[0])
        return ServiceKey(place.namespace, place.service)

    def _renew(self, *, all_anew: bool = False) -> None:
        """After a change: what holds a serial number, or denies, is made anew, or all answers."""
        self.changes += 1
        if self.zone.look(self._ledgers, self._now) or all_anew:
            self._answers.clear()
        self._passing.clear()
        for each in (self._apex, self._reverse):
            each.renew(self.cells.values(), self.missing_regions, self._composer.stale)
