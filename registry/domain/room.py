"""How much a service's entry in a cell's plan has room for, and what an instance takes of it."""

from __future__ import annotations

from typing import NamedTuple

from registry.domain.errors import ServiceFull
from registry.domain.guard import Limits
from registry.domain.instance import Instance, Registration
from registry.domain.names import CellName, ServiceKey
from registry.domain.quantity import counted

POLICY_OCTETS = 96 * 1024
"""Of an entry, for all that is not an endpoint: a policy and a staged one, as large as they may
be (256 distances between names of 63 characters, 32 regions, each)."""
FIXED_OCTETS = 160
"""Of an endpoint, for all that is not text: numbers, tags, a uid, a hold."""
TEXT_OCTETS = 6
"""What a text, or a pair of them, takes beside itself."""
RETRY_SECONDS = 30.0
"""Room comes when instances leave, and that is no matter of moments."""

Place = tuple[ServiceKey, CellName]
"""One entry."""


class Size(NamedTuple):
    """So many endpoints, and their octets at most."""

    endpoints: int
    octets: int

    def plus(self, other: Size) -> Size:
        """Both together."""
        return Size(self.endpoints + other.endpoints, self.octets + other.octets)

    def less(self, other: Size) -> Size:
        """Without the other."""
        return Size(self.endpoints - other.endpoints, self.octets - other.octets)

    def passes(self, most: Size) -> bool:
        """Whether it is more than `most`, in one of the two at least."""
        return self.endpoints > most.endpoints or self.octets > most.octets


NOTHING = Size(0, 0)


def most_of(limits: Limits) -> Size:
    """What the endpoints of one entry may come to."""
    return Size(limits.endpoints_per_service, limits.entry_octets - POLICY_OCTETS)


MOST = most_of(Limits())


def place_of(registration: Registration) -> Place:
    """The entry that an instance is in."""
    return registration.key.service_key, registration.cell


def size_of(registration: Registration) -> Size:
    """What an instance takes."""
    return Size(1, octets_of(registration))


def octets_of(registration: Registration) -> int:
    """The octets that an instance takes in its service's entry; never fewer than it does."""
    octets = FIXED_OCTETS + len(registration.key.instance) + len(registration.zone)
    for address in registration.addresses:
        octets += TEXT_OCTETS + len(address)
    for port in registration.ports:
        octets += 2 * TEXT_OCTETS + len(port.name)
    for key, value in registration.metadata.items():
        octets += 2 * TEXT_OCTETS + len(key) + len(value.encode())
    return octets


def wanted_by(registration: Registration, size: Size, current: Instance | None) -> Size:
    """What a registration of that size takes more than the instance of its id does now.

    In another cell, or as another instance, that is all of it. Less is told as negative.
    """
    if current is None or current.registration.cell != registration.cell:
        return size
    return size.less(size_of(current.registration))


# refusal
#
#   the entry with the instance in it   the instance takes       result
#   ----------------------------------  -----------------------  -----------------------------
#   within both bounds                  any                      none
#   beyond one of them                  no more than it has now  none: it makes nothing worse
#   beyond one of them                  more of that             ServiceFull
def refusal(
    place: Place, there: Size, wanted: Size, most: Size, prefix: str = ""
) -> ServiceFull | None:
    """Why `wanted` has no room beside what is there; None when it has.

    `prefix` is where in its request the registration stands.
    """
    after = there.plus(wanted)
    if after.endpoints > most.endpoints and wanted.endpoints > 0:
        return _full(
            place,
            f"{prefix}parent",
            "endpoint",
            there.endpoints,
            wanted.endpoints,
            most.endpoints,
        )
    if after.octets > most.octets and wanted.octets > 0:
        return _full(place, f"{prefix}instance", "octet", there.octets, wanted.octets, most.octets)
    return None


def _full(place: Place, field: str, noun: str, there: int, wanted: int, most: int) -> ServiceFull:
    service, cell = place
    return ServiceFull(
        f"{field}: {service} has {counted(there, noun)} in cells/{cell}, and with {wanted} more it "
        f"would pass the {most} that a cell publishes of one service. Nothing was changed; "
        "register less of it (metadata is what takes most), or split the service.",
        field=field,
        retry_after_seconds=RETRY_SECONDS,
        name=str(service),
        cell=cell,
        present=there,
        wanted=wanted,
        limit=most,
    )
