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

from dns_frontend.plan import target
from dns_frontend.plan.capacity import Share
from dns_frontend.plan.entry import Endpoint, Policy
from dns_frontend.plan.facet import ANY, PORTS, V4, V6, Facet, port_facet
from dns_frontend.plan.failover import Choice, Rule, ServingMode, Tier, choose, region_order
from dns_frontend.plan.ledger import Ledger
from dns_frontend.plan.living import prefer_living
from dns_frontend.plan.ring import scattered, turns
from dns_frontend.plan.zone import Kind, Place, service_labels

TTL_MINIMUM_SECONDS = 5
TTL_MAXIMUM_SECONDS = 60
TTL_STALE_SECONDS = 30
"""The bounds of a positive TTL (I30), whatever a policy says, and that of a stale answer."""

RING_MAXIMUM = 16
"""Longer rings may not be told whole: their order is one in which a part is a fair sample."""
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


class Pointer(NamedTuple):
    """The data of a PTR record; the target is relative to the zone, not to the reverse one."""

    target: tuple[str, ...]


Texts = tuple[bytes, ...]
"""The data of a TXT record: strings of at most 255 octets."""

Data = str | target.Target | target.Binding | Pointer | Texts


@dataclass(frozen=True, slots=True)
class RecordSet:
    """Records of one name and type; the owner's labels are relative to the zone."""

    owner: tuple[str, ...]
    type: RecordType
    ttl_seconds: int
    data: tuple[Data, ...]
    turns: tuple[int, ...] = ()
    """Where answers begin, one after another, each going round the ring of `data`; empty: all
    answers are alike."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known for a question that has an answer."""

    records: RecordSet
    additional: tuple[RecordSet, ...] = ()
    mode: ServingMode = ServingMode.NORMAL
    note: str = ""
    """Why the answer is not validated; empty when it is."""
    failed: bool = False
    """Whether SERVFAIL is the answer, and there are no records."""


@dataclass(frozen=True, slots=True)
class Scope:
    """For whom, and from which regions, a service is answered."""

    home: str
    """The client's region, or the region that the name is pinned to."""
    tiers: tuple[Tier, ...]
    """As they are wanted, home first."""
    pinned: bool
    policy: Policy
    ramped: tuple[Share, ...] = ()
    """Where home's load is, on its way to other regions or back."""


def scope(ledger: Ledger, view: str, pin: str, regions: Sequence[str]) -> Scope:
    """The scope of names pinned to `pin`, or else of clients in `view`."""
    if pin:
        return Scope(pin, (ledger.tier(pin),), pinned=True, policy=ledger.policy)
    order = region_order(view, ledger.policy, regions, ledger.regions)
    tiers = tuple(ledger.tier(region) for region in order)
    ramp = ledger.ramp(view)
    ramped = () if ramp is None else ramp.shares
    return Scope(view, tiers, pinned=False, policy=ledger.policy, ramped=ramped)


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
            return port_facet("tcp", target.HTTPS_PORT)
        case (Kind.SERVICE, RecordType.TXT):
            return ANY
        case (Kind.PORT, RecordType.SRV | RecordType.SVCB):
            return port_facet(place.protocol, place.leaf)
        case _:
            return None


class Composer:
    """Composes answers of one zone; holds settings, and which regions are `stale`."""

    __slots__ = ("_regions", "_zone_octets", "degraded_ttl_seconds", "lost", "stale")

    def __init__(
        self, regions: Sequence[str], degraded_ttl_seconds: int, zone: Sequence[str]
    ) -> None:
        self._regions = tuple(regions)
        self.degraded_ttl_seconds = degraded_ttl_seconds
        self.stale: frozenset[str] = frozenset()
        """Regions of which nothing was confirmed for longer than allowed."""
        self.lost: frozenset[str] = frozenset()
        """Incarnations that do not answer this frontend, where it probes."""
        self._zone_octets = 1 + sum(len(label) + 1 for label in zone)

    def scope(self, ledger: Ledger, view: str, place: Place) -> Scope:
        """The scope in which `place` is answered to clients in `view`."""
        return scope(ledger, view, place.region, self._regions)

    def choice(self, scope: Scope, facet: Facet) -> Choice:
        """The endpoints that answer for a facet."""
        choice = choose(scope.home, scope.tiers, facet, scope.policy, scope.ramped)
        return prefer_living(choice, self.stale, self.lost)

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
        choice = self.choice(scope, facet)
        if choice.rule is Rule.SERVFAIL:
            return Answer(
                RecordSet((), RecordType(record_type), 0, ()),
                mode=choice.mode,
                note="no endpoint is healthy, and the policy wants SERVFAIL then",
                failed=True,
            )
        if not choice.endpoints:
            return None
        name = service_labels(place.namespace, place.service, place.region)
        ttl_seconds = self.ttl_seconds(ledger, choice)
        additional: tuple[RecordSet, ...] = ()
        data: Iterable[Data]
        match record_type:
            case RecordType.A | RecordType.AAAA:
                v6 = record_type == RecordType.AAAA
                records = _ring(
                    name, RecordType(record_type), ttl_seconds, choice.everything, v6=v6
                )
                return self._answer(ledger, records, (), choice)
            case RecordType.TXT:
                data = [described(endpoint) for endpoint in choice.everything]
            case _:
                data, additional = self._targets(place, record_type, scope, choice, ttl_seconds)
        owner = (f"_{place.leaf}", f"_{place.protocol}", *name) if place.protocol else name
        records = RecordSet(owner, RecordType(record_type), ttl_seconds, tuple(dict.fromkeys(data)))
        return self._answer(ledger, records, additional, choice)

    # ttl_seconds
    #
    #   answer                         next change                     TTL
    #   -----------------------------  ------------------------------  ---------------------
    #   failed over, protected, open   any: by the least probe         the degraded one
    #   usual                          at a known time: its region is  the policy's, as far as
    #                                  about to be left, or its load   that is before the change
    #                                  is on its way (`Ledger.ebb`)    (`lifetime`)
    #   usual, of a stale region       any                             up to 30 s
    #   usual                          not known                       the policy's
    #
    # All within the bounds of I30.
    def ttl_seconds(self, ledger: Ledger, choice: Choice) -> int:
        """For how long an answer may be kept: not beyond the next change that can be told."""
        if not choice.usual:
            return self.degraded_ttl_seconds
        stale = choice.region in self.stale or ledger.is_lost_in(choice.region)
        # RFC 8767, section 5.2: a stale answer is kept no longer than 30 s
        most = TTL_STALE_SECONDS if stale else TTL_MAXIMUM_SECONDS
        ebb = ledger.ebb(choice.region)
        if ebb is not None:
            most = min(most, ebb.seconds)
        return min(max(ledger.policy.record_ttl_seconds, TTL_MINIMUM_SECONDS), most)

    def _answer(
        self,
        ledger: Ledger,
        records: RecordSet,
        additional: tuple[RecordSet, ...],
        choice: Choice,
    ) -> Answer | None:
        if not records.data:
            return None
        if choice.mode is ServingMode.FAIL_OPEN:
            return Answer(records, additional, choice.mode, _NOTES[choice.rule])
        if choice.region in self.stale:
            note = f"plan of {choice.region} not confirmed lately"
            return Answer(records, additional, ServingMode.STALE, note)
        if ledger.is_lost_in(choice.region):
            note = f"lost by the registry of {choice.region}, not deleted: as it was known last"
            return Answer(records, additional, ServingMode.STALE, note)
        held = any(endpoint.hold for endpoint in choice.everything)
        note = "protected: removals are held" if held else ""
        return Answer(records, additional, choice.mode, note)

    def _instance(
        self, ledger: Ledger, place: Place, record_type: int, scope: Scope
    ) -> Answer | None:
        if record_type not in (RecordType.A, RecordType.AAAA):
            return None
        choice = choose(scope.home, scope.tiers, ANY, scope.policy, scope.ramped)
        home = target.homes(scope.tiers, choice.region).get(place.leaf)
        if home is None:
            return None
        data = _addresses(home.endpoints, v6=record_type == RecordType.AAAA)
        if not data:
            return None
        owner = (place.leaf, *service_labels(place.namespace, place.service, place.region))
        records = RecordSet(
            owner, RecordType(record_type), self.ttl_seconds(ledger, choice), tuple(data)
        )
        return self._answer(ledger, records, (), choice)

    def _targets(
        self, place: Place, record_type: int, scope: Scope, choice: Choice, ttl_seconds: int
    ) -> tuple[list[Data], tuple[RecordSet, ...]]:
        facet = facet_of(place, record_type)
        assert facet is not None
        overall = choose(scope.home, scope.tiers, ANY, scope.policy, scope.ramped)
        found = target.names(
            place,
            target.ranks(choice, scope.tiers, facet, pinned=scope.pinned),
            target.homes(scope.tiers, overall.region),
            pinned=scope.pinned,
            zone_octets=self._zone_octets,
        )
        data: list[Data] = []
        additional: dict[tuple[str, ...], list[RecordSet]] = {}
        for each in found:
            if record_type == RecordType.SRV:
                data += target.srv(each, place)
            else:
                data += target.bindings(each, place, https=record_type == RecordType.HTTPS)
            if each.name not in additional:
                additional[each.name] = [
                    RecordSet(each.name, kind, ttl_seconds, tuple(addresses))
                    for kind, v6 in ((RecordType.A, False), (RecordType.AAAA, True))
                    if (addresses := _addresses(each.endpoints, v6=v6))
                ]
        return data, tuple(each for sets in additional.values() for each in sets)


def _ring(
    owner: tuple[str, ...],
    kind: RecordType,
    ttl_seconds: int,
    endpoints: Iterable[Endpoint],
    *,
    v6: bool,
) -> RecordSet:
    """Addresses with the turns that their weights give them; shared ones add theirs up."""
    weights: dict[str, int] = {}
    for endpoint in endpoints:
        for address in _addresses((endpoint,), v6=v6):
            weights[address] = weights.get(address, 0) + endpoint.weight
    addresses = tuple(weights)
    if len(addresses) > RING_MAXIMUM:
        addresses = tuple(addresses[index] for index in scattered(addresses))
    begins = turns([weights[address] for address in addresses]) if len(addresses) > 1 else ()
    return RecordSet(owner, kind, ttl_seconds, addresses, begins)


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
    Rule.EVERYWHERE: "fail-open: no endpoint is healthy, those of all regions",
    Rule.LAST_GOOD: "fail-open: no endpoint is healthy, those that were last",
    Rule.STATIC: "fail-open: no endpoint is healthy, the policy's addresses",
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
