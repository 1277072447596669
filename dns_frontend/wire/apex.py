"""What the zone says of itself, and what it says of names that it does not have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dns_frontend.plan.answer import RecordSet, RecordType
from dns_frontend.plan.entry import CellPosition
from dns_frontend.plan.failover import ServingMode
from dns_frontend.plan.zone import NAMESERVER_LABEL, ZoneSettings
from dns_frontend.wire.body import (
    EDE_NOT_AUTHORITATIVE,
    EDE_NOT_READY,
    EDE_OTHER,
    EDE_STALE_NXDOMAIN,
    NXDOMAIN,
    REFUSED,
    SERVFAIL,
    Body,
    Encoder,
)
from dns_frontend.wire.option import extended_error
from dns_frontend.wire.request import HEADER_OCTETS

TYPE_ANY = 255


class Apex:
    """The zone's own records and its denials, at the present generations.

    Nothing is denied until all that should be known is loaded (I17).
    """

    __slots__ = (
        "_complete",
        "_denials",
        "_encoder",
        "_serial",
        "_stale",
        "_unready",
        "refused",
        "zone_settings",
    )

    def __init__(self, zone: ZoneSettings, encoder: Encoder, missing: Sequence[str]) -> None:
        self.zone_settings = zone
        """To be followed by `renew` when it is another."""
        self._encoder = encoder
        self._denials: dict[tuple[int, int], Body] = {}
        self.refused = Body(
            REFUSED,
            authoritative=False,
            option=extended_error(EDE_NOT_AUTHORITATIVE, f"not in {'.'.join(zone.labels)}."),
        )
        """The answer for names outside the zone."""
        self.renew((), missing)

    def __repr__(self) -> str:
        return (
            f"Apex({self.zone_settings.origin}, serial={self._serial}, complete={self._complete})"
        )

    def renew(
        self,
        positions: Iterable[CellPosition],
        missing: Sequence[str],
        stale: Iterable[str] = (),
    ) -> None:
        """The cells stand elsewhere now; `missing` are the regions not heard of yet, and
        `stale` those not heard of lately."""
        late = ", ".join(sorted(stale))
        text = f"not confirmed lately: {late}"
        self._stale = extended_error(EDE_STALE_NXDOMAIN, text) if late else b""
        # Rises with each generation of any cell; never 0 (RFC 1982 compares the rest).
        self._serial = sum(p.generation for p in positions) & 0xFFFFFFFF or 1
        self._denials.clear()
        self._complete = not missing
        self._unready = Body(
            SERVFAIL,
            authoritative=False,
            option=extended_error(EDE_NOT_READY, f"not loaded: {', '.join(missing)}"),
        )

    @property
    def unready(self) -> Body:
        """The answer for what is not known yet (RFC 8914, section 4.15)."""
        return self._unready

    def failure(self, note: str, mode: ServingMode) -> Body:
        """SERVFAIL by an owner's wish (RFC 8914, section 4.1: no other code fits)."""
        option = extended_error(EDE_OTHER, note)
        return Body(SERVFAIL, authoritative=False, option=option, mode=mode)

    def denial(self, rcode: int, zone_offset: int) -> Body:
        """NXDOMAIN, or NOERROR without data, for a name whose zone part is at `zone_offset`."""
        if not self._complete:
            return self._unready
        body = self._denials.get((rcode, zone_offset))
        if body is None:
            tail = self._encoder.authority(
                HEADER_OCTETS + zone_offset, self._serial, self.zone_settings.negative_ttl_seconds
            )
            option = self._stale if rcode == NXDOMAIN else b""
            body = Body(rcode, authority=tail, authorities=1, option=option)
            self._denials[rcode, zone_offset] = body
        return body

    def zone(self, record_type: int) -> Body | None:
        """The zone's records at its own name; None where there are none of the type."""
        if record_type in (RecordType.SOA, TYPE_ANY):
            return self._encoder.start_of_authority(
                self._serial, self.zone_settings.negative_ttl_seconds
            )
        if record_type == RecordType.NS:
            return self._encoder.name_server(
                self.zone_settings.nameserver_ttl_seconds, self.zone_settings.nameserver_addresses
            )
        return None

    def name_server(self, record_type: int) -> Body | None:
        """The addresses of the zone's name server; None where there are none of the type."""
        owner = (NAMESERVER_LABEL,)
        for kind in (RecordType.A, RecordType.AAAA):
            if record_type not in (kind, TYPE_ANY):
                continue
            v6 = kind is RecordType.AAAA
            addresses = [a for a in self.zone_settings.nameserver_addresses if (":" in a) == v6]
            if addresses:
                ttl_seconds = self.zone_settings.nameserver_ttl_seconds
                records = RecordSet(owner, kind, ttl_seconds, tuple(addresses))
                return self._encoder.positive(owner, records)
        return None
