"""Which instances of a service a client may be sent to, as this registry knows them.

It answers from the mirror alone, so it answers without a database as well. It knows the
registry's own cells only and does not fail over: that is the frontends' decision.
"""

from __future__ import annotations

from collections.abc import Mapping

from registry.app.mirror import Mirror
from registry.domain.complaints import shown
from registry.domain.errors import FieldViolation, ServiceNotFound, UnknownRegion
from registry.domain.health import Health
from registry.domain.instance import Instance, State
from registry.domain.names import CellName, RegionName, Revision, ServiceKey


class Resolver:
    """Answers from memory."""

    def __init__(self, mirror: Mirror, cells: Mapping[CellName, RegionName]) -> None:
        self._mirror = mirror
        self._regions = frozenset(cells.values())

    def resolve(
        self, key: ServiceKey, region: str, include_unvalidated: bool
    ) -> tuple[list[Instance], Revision]:
        """Instances of a service in order of name, at a revision; an empty `region` means any.

        Raises ServiceNotFound, and UnknownRegion: a selector that can match nothing is a
        mistake, not an empty answer (I39).
        """
        mirror = self._mirror
        service = mirror.services.get(key)
        if service is None or service.tombstone_time_ms is not None:
            raise ServiceNotFound(
                f"no service {key} is known here. Register an instance of it, or create it.",
                name=str(key),
            )
        if region and region not in self._regions:
            known = ", ".join(sorted(self._regions))
            raise UnknownRegion(
                FieldViolation(
                    "region", f"{shown(region)} is not a region of this registry; it has: {known}"
                )
            )
        found = [
            instance
            for _, instance in sorted(mirror.by_service.get(key, {}).items())
            if (not region or instance.registration.region == region)
            and (include_unvalidated or _is_validated(instance))
        ]
        return found, mirror.revision


def _is_validated(instance: Instance) -> bool:
    return instance.health is Health.HEALTHY and instance.state is State.ACTIVE
