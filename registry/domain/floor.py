"""The floors that a policy sets: what a name holds on to, whatever happens to its endpoints.

To lower one takes two keys (I41), as each is there for the day on which somebody slips.
"""

from __future__ import annotations

from registry.domain.preview import Preview, preview_of
from registry.domain.service import AllDown, Service, ServicePolicy

EMPTY_ANSWERS = frozenset({AllDown.SERVFAIL, AllDown.NODATA})
"""What is answered when all is down, and names no endpoint."""


# lowered_floors
#
#   field              before        after               lowered
#   -----------------  ------------  ------------------  ------------------------------
#   minimum_endpoints  n             less than n         yes: automation may remove more
#   scale_to_zero      false         true                yes: the name may become empty
#   all_down           an answer     SERVFAIL, NODATA    yes: the name may be without one
#   any                              else                no
#
# No policy is one of defaults: to take a policy away may lower what it set.
def lowered_floors(before: ServicePolicy | None, after: ServicePolicy | None) -> tuple[str, ...]:
    """What the change from one policy to the other gives up, a sentence each."""
    old, new = before or ServicePolicy(), after or ServicePolicy()
    found = []
    was, is_ = old.failover.minimum_endpoints, new.failover.minimum_endpoints
    if is_ < was:
        found.append(
            f"minimum_endpoints: {was} -> {is_}; silence may take the name down to {is_},"
            " and a region answers for itself with so few"
        )
    if new.scale_to_zero and not old.scale_to_zero:
        found.append(
            "scale_to_zero: false -> true; the last instance to leave empties the name,"
            " and nothing is held"
        )
    lost, kept = old.failover.all_down, new.failover.all_down
    if kept in EMPTY_ANSWERS and lost not in EMPTY_ANSWERS:
        found.append(
            f"all_down: {lost.name} -> {kept.name}; with every endpoint down the name has no answer"
        )
    return tuple(found)


def floor_preview(
    service: Service, before: ServicePolicy | None, after: ServicePolicy | None
) -> Preview | None:
    """What a change of policy gives up; None when it lowers no floor."""
    lowered = lowered_floors(before, after)
    if not lowered:
        return None
    effects = (f"{service.key.entry} holds on to less than before", *lowered)
    return preview_of(effects, ("floor", service.uid, *lowered))
