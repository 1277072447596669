"""Which instances have been replaced: their capacity is not missed any more.

An instance whose lease ran out stays registered for some minutes, for its owner may come
back. Counted all that time it would say that a region lacks what a replacement under
another id has long brought, and a region that is well would be left alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from registry.domain.health import Health
from registry.domain.instance import Instance, State
from registry.domain.names import InstanceId


# replaced
#
#   instance                        healthy ones that began since it was last heard of
#   ------------------------------  --------------------------------------------------
#   lease in force, or draining     any: it is not replaced
#   expired                         none, or as many others are replaced by: it is missed
#   expired                         more: it is replaced
#
# "Last heard of" is a lease's time before it ran out: a replacement is often there before
# that. Those are times that the records hold, by the registry's clock; what they decide
# takes nothing from an answer (I36, I7): an expired instance is in none while a healthy one
# is there.
def replaced(instances: Sequence[Instance]) -> frozenset[InstanceId]:
    """The expired instances that others have replaced, each by one of its own."""
    lost = [each for each in instances if each.state is State.EXPIRED]
    if not lost:
        return frozenset()
    began = sorted(
        each.create_time_ms
        for each in instances
        if each.health is Health.HEALTHY and each.state is State.ACTIVE
    )
    found: set[InstanceId] = set()
    # Those lost last are the hardest to replace: they get the newest ones first.
    for instance in sorted(lost, key=_last_heard_ms, reverse=True):
        if began and began[-1] >= _last_heard_ms(instance):
            began.pop()
            found.add(instance.key.instance)
    return frozenset(found)


def _last_heard_ms(instance: Instance) -> float:
    return instance.state_time_ms - instance.registration.ttl_seconds * 1000.0
