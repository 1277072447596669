"""The reverse zones: PTR, and what each zone says of itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dns_frontend.plan.answer import Pointer, RecordSet, RecordType
from dns_frontend.plan.entry import CellPosition
from dns_frontend.plan.ledger import Ledger
from dns_frontend.plan.reverse import ReverseNames
from dns_frontend.plan.zone import ZoneSettings
from dns_frontend.wire.apex import TYPE_ANY, Apex
from dns_frontend.wire.body import NOERROR, NXDOMAIN, Body, Encoder


class ReverseZones:
    """All reverse zones of one frontend; without networks there are none."""

    __slots__ = ("_names", "_ttl_seconds", "_zones")

    def __init__(self, zone: ZoneSettings, missing: Sequence[str]) -> None:
        """Raises ValueError for networks that are none."""
        self._names = ReverseNames(zone.reverse_networks)
        self._ttl_seconds = zone.nameserver_ttl_seconds
        self._zones: dict[tuple[str, ...], tuple[Encoder, Apex]] = {}
        for labels in self._names.zones:
            encoder = Encoder(labels, zone.labels)
            self._zones[labels] = (encoder, Apex(zone, encoder, missing))

    def __repr__(self) -> str:
        return f"ReverseZones({self._names!r})"

    def __bool__(self) -> bool:
        return bool(self._zones)

    def put(self, ledger: Ledger) -> None:
        """A service changed."""
        self._names.put(ledger)

    def settle(self, zone: ZoneSettings) -> None:
        """Go by these TTLs from the next `renew` on."""
        self._ttl_seconds = zone.nameserver_ttl_seconds
        for _, apex in self._zones.values():
            apex.zone_settings = zone

    def renew(
        self, positions: Iterable[CellPosition], missing: Sequence[str], stale: Iterable[str]
    ) -> None:
        """As `Apex.renew`, for each zone."""
        positions, stale = list(positions), list(stale)
        for _, apex in self._zones.values():
            apex.renew(positions, missing, stale)

    def find(self, labels: Sequence[str], record_type: int) -> Body | None:
        """The answer for the name with these lower-case labels; None when it is in no zone."""
        name = tuple(labels)
        for cut in range(len(name)):
            zone = self._zones.get(name[cut:])
            if zone is not None:
                return self._answer(name, cut, *zone, record_type)
        return None

    def _answer(
        self, name: tuple[str, ...], cut: int, encoder: Encoder, apex: Apex, record_type: int
    ) -> Body:
        offset = sum(len(label) + 1 for label in name[:cut])
        body: Body | None = None
        if cut == 0:
            body = apex.zone(record_type)
        elif not self._names.exists(name):
            return apex.denial(NXDOMAIN, offset)
        targets = self._names.targets(name)
        if body is None and targets and record_type in (RecordType.PTR, TYPE_ANY):
            data = tuple(Pointer(target) for target in targets)
            records = RecordSet(name[:cut], RecordType.PTR, self._ttl_seconds, data)
            body = encoder.positive(name[:cut], records)
        return body or apex.denial(NOERROR, offset)
