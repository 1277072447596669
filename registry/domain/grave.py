"""What is kept of an incarnation that is removed or replaced: it must not come back by itself."""

from __future__ import annotations

from dataclasses import dataclass

from registry.domain.instance import Instance, State
from registry.domain.names import Incarnation, InstanceKey
from registry.domain.place import Place, places_of

GRAVE_SECONDS = 600
"""How long a grave is kept at least; the longest delay of a retry that is still recognised."""


@dataclass(frozen=True, slots=True)
class Grave:
    """An incarnation that was, and the request that made it."""

    key: InstanceKey
    incarnation: Incarnation
    request_id: str
    removed_ms: int
    """When it was removed or replaced, Unix milliseconds."""
    places: frozenset[Place] = frozenset()
    """Those that it left by that, or before."""
    left_ms: int = 0
    """When it left them, Unix milliseconds."""


# bury
#
#   the instance was   it left its places
#   -----------------  ----------------------------------------------------------
#   ACTIVE             now
#   DRAINING, EXPIRED  then
#   any                but for those where the one that replaces it is: not at all
def bury(instance: Instance, now_ms: int, taken_over: frozenset[Place] = frozenset()) -> Grave:
    """The grave of an instance that is removed or replaced now."""
    return Grave(
        instance.key,
        instance.incarnation,
        instance.request_id,
        now_ms,
        places_of(instance) - taken_over,
        now_ms if instance.state is State.ACTIVE else instance.state_time_ms,
    )
