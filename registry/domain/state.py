"""What a node reads of the registry when it begins: all of it, as of one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from registry.domain.instance import Instance
from registry.domain.names import Revision
from registry.domain.place import Departure
from registry.domain.service import Service


@dataclass(frozen=True, slots=True)
class State:
    """All services (tombstoned ones too) and instances at one revision."""

    revision: Revision
    services: Sequence[Service]
    instances: Sequence[Instance]
    renewals: Mapping[int, int]
    """How often each lease, by its id, has been renewed."""
    departures: Sequence[Departure] = ()
    """Places left within DRAIN_SECONDS by instances that are gone, the earliest first."""
