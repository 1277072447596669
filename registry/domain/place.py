"""Where instances are reached, and who left a place when."""

from __future__ import annotations

from dataclasses import dataclass

from registry.domain.instance import Instance
from registry.domain.names import ServiceKey

Place = tuple[str, int]
"""An address and a port; port 0 where none is registered."""

DRAIN_SECONDS = 60.0
"""The longest TTL there is (I30): so long after it left, clients may hold who was there."""


@dataclass(frozen=True, slots=True)
class Departure:
    """An instance of a service left a place."""

    service: ServiceKey
    place: Place
    left_ms: int
    """Unix milliseconds, by the clock of the registry that wrote it down."""


def places_of(instance: Instance) -> frozenset[Place]:
    """Where an instance is reached."""
    registration = instance.registration
    numbers = [port.number for port in registration.ports] or [0]
    return frozenset((address, number) for address in registration.addresses for number in numbers)
