"""What a name answers, as data: records without any wire format.

An answer is composed from one service's ledger at one moment, so that all its
records come from the same generations (I5). The order of records follows from the
plans alone, so that equal state gives equal bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from dns_frontend.plan.entry import Endpoint, Port, Protocol
from dns_frontend.plan.facet import ANY, PORTS, V4, V6, Facet, port_facet
from dns_frontend.plan.failover import Choice, Rule, ServingMode, Tier, choose, region_order
from dns_frontend.plan.ledger import Ledger
from dns_frontend.plan.zone import Kind, Place, service_labels

TTL_MINIMUM_SECONDS = 5
TTL_MAXIMUM_SECONDS = 60
TTL_STALE_SECONDS = 30
"""The bounds of a positive TTL (I30), whatever a policy says, and that of a stale answer."""

HTTPS_PORT = "https"
"""The name of the port that HTTPS records are made from."""
ALPN_KEY = "alpn"
"""The metadata that names the protocols of an endpoint's ports, separated by commas."""
BINDING_PRIORITY_MAXIMUM = 65535

STRING_MAXIMUM = 255
"""Octets in one string of a TXT record (RFC 1035, section 3.3)."""


class RecordType(IntEnum):
    """The types with content here, by their numbers."""

    A = 1
    NS = 2
    SOA = 6
    PTR = 12
    TXT = 16
    AAAA = 28
    SRV = 33
    SVCB = 64
    HTTPS = 65


class Target(NamedTuple):
    """The data of an SRV record (RFC 2782); the target is relative to the zone."""

    priority: int
    weight: int
    port: int
    target: tuple[str, ...]


class Binding(NamedTuple):
    """The data of an SVCB or HTTPS record in ServiceMode (RFC 9460, section 2.4.3).

    There are no address hints: the addresses of the target stand beside it or are one
    question away, and a hint could say something older than they do.
    """

    priority: int
    """At least 1: 0 would be an alias."""
    target: tuple[str, ...]
    port: int
    alpn: tuple[str, ...] = ()


class Pointer(NamedTuple):
    """The data of a PTR record; the target is relative to the zone, not to the reverse one."""

    target: tuple[str, ...]


Texts = tuple[bytes, ...]
"""The data of a TXT record: strings of at most 255 octets."""

Data = str | Target | Binding | Pointer | Texts


@dataclass(frozen=True, slots=True)
class RecordSet:
    """Records of one name and type; the owner's labels are relative to the zone."""

    owner: tuple[str, ...]
    type: RecordType
    ttl_seconds: int
    data: tuple[Data, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known for a question that has an answer."""

    records: RecordSet
    additional: tuple[RecordSet, ...] = ()
    mode: ServingMode = ServingMode.NORMAL
    note: str = ""
    """Why the answer is not validated; empty when it is."""


@dataclass(frozen=True, slots=True)
class Scope:
    """For whom, and from which regions, a service is answered."""

    home: str
    """The client's region, or the region that the name is pinned to."""
    tiers: tuple[Tier, ...]
    """As they are wanted, home first."""
    pinned: bool


def scope(ledger: Ledger, view: str, pin: str, regions: Sequence[str]) -> Scope:
    """The scope of names pinned to `pin`, or else of clients in `view`."""
    if pin:
        return Scope(pin, (ledger.tier(pin),), pinned=True)
    order = region_order(view, ledger.policy.region_order, regions, ledger.regions)
    return Scope(view, tuple(ledger.tier(region) for region in order), pinned=False)


def exists(ledger: Ledger, place: Place) -> bool:
    """Whether a name at or below a service's exists, for whatever type (I31)."""
    alive = ledger.alive_in
    if not alive or (place.region and place.region not in alive):
        return False
    match place.kind:
        case Kind.SERVICE:
            return True
        case Kind.WHY:
            return True
        case Kind.PROTOCOL:
            return (f"_{place.protocol}",) in ledger.children(place.region)
        case Kind.PORT:
            name = (f"_{place.protocol}", f"_{place.leaf}")
            return name in ledger.children(place.region)
        case Kind.INSTANCE:
            return (place.leaf,) in ledger.children(place.region)
        case _:
            return False


def facet_of(place: Place, record_type: int) -> Facet | None:
    """What endpoints must offer to answer; None when the name never has such records."""
    match place.kind, record_type:
        case (Kind.SERVICE, RecordType.A):
            return V4
        case (Kind.SERVICE, RecordType.AAAA):
            return V6
        case (Kind.SERVICE, RecordType.SRV | RecordType.SVCB):
            return PORTS
        case (Kind.SERVICE, RecordType.HTTPS):
            # A record of this type sends web browsers to HTTPS for good (RFC 9460, section
            # 9.5): it is for those alone who say that they speak it.
            return port_facet("tcp", HTTPS_PORT)
        case (Kind.SERVICE, RecordType.TXT):
            return ANY
        case (Kind.PORT, RecordType.SRV | RecordType.SVCB):
            return port_facet(place.protocol, place.leaf)
        case _:
            return None


class Composer:
    """Composes answers of one zone; holds settings, and which regions are `stale`."""

    __slots__ = ("_degraded_ttl_seconds", "_name_room", "_regions", "stale")

    def __init__(
        self, regions: Sequence[str], degraded_ttl_seconds: int, zone: Sequence[str]
    ) -> None:
        self._regions = tuple(regions)
        self._degraded_ttl_seconds = degraded_ttl_seconds
        self.stale: frozenset[str] = frozenset()
        """Regions of which nothing was confirmed for longer than allowed."""
        # a name has at most 255 octets with its root (RFC 1035, section 2.3.4)
        self._name_room = 255 - 1 - sum(len(label) + 1 for label in zone)

    def scope(self, ledger: Ledger, view: str, place: Place) -> Scope:
        """The scope in which `place` is answered to clients in `view`."""
        return scope(ledger, view, place.region, self._regions)

    def compose(self, ledger: Ledger, place: Place, record_type: int, view: str) -> Answer | None:
        """The answer, or None when there is no such record at the name.

        Only for services, their ports and their instances.
        """
        scope = self.scope(ledger, view, place)
        if place.kind is Kind.INSTANCE:
            return self._instance(ledger, place, record_type, scope)
        facet = facet_of(place, record_type)
        if facet is None:
            return None
        choice = choose(scope.home, scope.tiers, facet)
        if not choice.endpoints:
            return None
        name = service_labels(place.namespace, place.service, place.region)
        ttl_seconds = self.ttl_seconds(ledger, choice)
        additional: tuple[RecordSet, ...] = ()
        data: Iterable[Data]
        match record_type:
            case RecordType.A:
                data = _addresses(choice.endpoints, v6=False)
            case RecordType.AAAA:
                data = _addresses(choice.endpoints, v6=True)
            case RecordType.TXT:
                data = [described(endpoint) for endpoint in choice.endpoints]
            case _:
                kind = RecordType(record_type)
                data, additional = self._targets(ledger, place, kind, scope, choice, ttl_seconds)
        owner = (f"_{place.leaf}", f"_{place.protocol}", *name) if place.protocol else name
        records = RecordSet(owner, RecordType(record_type), ttl_seconds, tuple(dict.fromkeys(data)))
        return self._answer(records, additional, choice)

    def ttl_seconds(self, ledger: Ledger, choice: Choice) -> int:
        """The policy's TTL for the usual answer; the degraded one otherwise."""
        if not choice.usual:
            return self._degraded_ttl_seconds
        wished = ledger.policy.record_ttl_seconds
        stale = choice.region in self.stale
        # RFC 8767, section 5.2: a stale answer is kept no longer than 30 s
        most = TTL_STALE_SECONDS if stale else TTL_MAXIMUM_SECONDS
        return min(max(wished, TTL_MINIMUM_SECONDS), most)

    def _answer(
        self, records: RecordSet, additional: tuple[RecordSet, ...], choice: Choice
    ) -> Answer | None:
        if not records.data:
            return None
        if choice.mode is ServingMode.FAIL_OPEN:
            return Answer(records, additional, choice.mode, _NOTES[choice.rule])
        if choice.region in self.stale:
            note = f"plan of {choice.region} not confirmed lately"
            return Answer(records, additional, ServingMode.STALE, note)
        return Answer(records, additional, choice.mode)

    def _instance(
        self, ledger: Ledger, place: Place, record_type: int, scope: Scope
    ) -> Answer | None:
        if record_type not in (RecordType.A, RecordType.AAAA):
            return None
        choice = choose(scope.home, scope.tiers, ANY)
        home = _homes(scope, choice.region).get(place.leaf)
        if home is None:
            return None
        data = _addresses(home.endpoints, v6=record_type == RecordType.AAAA)
        if not data:
            return None
        owner = (place.leaf, *service_labels(place.namespace, place.service, place.region))
        records = RecordSet(
            owner, RecordType(record_type), self.ttl_seconds(ledger, choice), tuple(data)
        )
        return self._answer(records, (), choice)

    def _targets(
        self,
        ledger: Ledger,
        place: Place,
        kind: RecordType,
        scope: Scope,
        choice: Choice,
        ttl_seconds: int,
    ) -> tuple[list[Data], tuple[RecordSet, ...]]:
        overall = choose(scope.home, scope.tiers, ANY)
        homes = _homes(scope, overall.region)
        targets: list[Data] = []
        additional: dict[tuple[str, ...], list[RecordSet]] = {}
        for endpoint in choice.endpoints:
            home = homes[endpoint.instance]
            # an instance of the same id may stand in a region that this name prefers
            pin = choice.region if scope.pinned or home.region != choice.region else ""
            name = (endpoint.instance, *service_labels(place.namespace, place.service, pin))
            if sum(len(label) + 1 for label in name) > self._name_room:
                continue
            targets += [
                _target(kind, endpoint, port, name)
                for port in endpoint.ports
                if _offered(port, place, kind)
            ]
            if name not in additional:
                endpoints = home.endpoints if home.region == choice.region else (endpoint,)
                additional[name] = [
                    RecordSet(name, kind, ttl_seconds, tuple(addresses))
                    for kind, v6 in ((RecordType.A, False), (RecordType.AAAA, True))
                    if (addresses := _addresses(endpoints, v6=v6))
                ]
        return targets, tuple(each for sets in additional.values() for each in sets)


def _offered(port: Port, place: Place, kind: RecordType) -> bool:
    """Whether a record of this type at this place is about the port."""
    if kind is RecordType.HTTPS:
        return port.name == HTTPS_PORT and port.protocol is Protocol.TCP
    return not place.protocol or (port.name == place.leaf and port.protocol.value == place.protocol)


def _target(kind: RecordType, endpoint: Endpoint, port: Port, name: tuple[str, ...]) -> Data:
    if kind is RecordType.SRV:
        return Target(endpoint.priority, endpoint.weight, port.number, name)
    priority = min(endpoint.priority + 1, BINDING_PRIORITY_MAXIMUM)
    words = (word.strip() for word in endpoint.metadata.get(ALPN_KEY, "").split(","))
    # RFC 9460, section 7.1.1: 1 to 255 octets each; what is none is left out
    alpn = tuple(dict.fromkeys(w for w in words if 0 < len(w.encode("utf-8", "replace")) <= 255))
    return Binding(priority, name, port.number, alpn)


class _Home(NamedTuple):
    """Where the name of an instance leads: a region's endpoints of that id."""

    region: str
    endpoints: tuple[Endpoint, ...]


def _homes(scope: Scope, first: str) -> dict[str, _Home]:
    """Where each instance's name leads, the region that answers being asked first."""
    homes: dict[str, _Home] = {}
    for tier in sorted(scope.tiers, key=lambda tier: tier.region != first):
        for endpoints in (tier.healthy, tier.unhealthy, tier.leaving, tier.remembered):
            for endpoint in endpoints:
                home = homes.get(endpoint.instance)
                if home is None:
                    homes[endpoint.instance] = _Home(tier.region, (endpoint,))
                elif home.region == tier.region and endpoint not in home.endpoints:
                    homes[endpoint.instance] = _Home(tier.region, (*home.endpoints, endpoint))
    return homes


def _addresses(endpoints: Iterable[Endpoint], *, v6: bool) -> list[str]:
    """Each address once (RFC 2181, section 5: a set has no duplicates)."""
    return list(
        dict.fromkeys(
            address
            for endpoint in endpoints
            for address in endpoint.addresses
            if (":" in address) == v6
        )
    )


_NOTES = {
    Rule.UNHEALTHY: "fail-open: no endpoint is healthy",
    Rule.LEAVING: "fail-open: last set known",
    Rule.REMEMBERED: "fail-open: remembered set",
}


def described(endpoint: Endpoint) -> Texts:
    """An endpoint's metadata as strings `key=value`, after `instance=...`."""
    pairs = [f"instance={endpoint.instance}"]
    pairs += [f"{key}={endpoint.metadata[key]}" for key in sorted(endpoint.metadata)]
    return tuple(string for pair in pairs for string in strings(pair))


def strings(text: str) -> Texts:
    """`text` in UTF-8 as strings that fit a TXT record, split between characters."""
    octets = text.encode("utf-8", "replace")
    if len(octets) <= STRING_MAXIMUM:
        return (octets,)
    parts: list[bytes] = []
    while len(octets) > STRING_MAXIMUM:
        end = STRING_MAXIMUM
        while octets[end] & 0xC0 == 0x80:
            end -= 1
        parts.append(octets[:end])
        octets = octets[end:]
    parts.append(octets)
    return tuple(parts)
