"""When there is nothing for an operator to keep: a removal is forbidden where there may be one."""

from __future__ import annotations

from registry.domain.errors import NoRemoval
from registry.domain.health import Health
from registry.domain.instance import Instance, Override


# vanity
#
#   decision  health              refused because
#   --------  ------------------  ------------------------------
#   KEEP      HEALTHY             it stays by itself
#   KEEP      DRAINING            its owner has its way
#   KEEP      UNHEALTHY, UNKNOWN  -: it may be held, or be soon
#   any else  any                 -
def vanity(decision: Override, instance: Instance) -> NoRemoval | None:
    """Why a decision on the instance's removal would be in vain; None when it would not."""
    if decision is not Override.KEEP or instance.health not in _WHY:
        return None
    return NoRemoval(
        f"{instance.key} is {instance.health.name}: {_WHY[instance.health]}. Nothing was changed; "
        "`held list` has those that can be kept.",
        name=str(instance.key),
        uid=instance.incarnation,
    )


_WHY = {
    Health.HEALTHY: "no removal of it is held, and it stays in the answers by itself",
    Health.DRAINING: "it leaves the answers at its owner's word, against which none is kept",
}
