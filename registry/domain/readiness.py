"""Whether a region of ours could answer for another one that is lost (I29).

A registry knows its own regions only, and frontends choose among all. So it says of each
of its regions whether that one would be chosen: a service is ready for the loss of a
region if the registry of some other one says so.
"""

from __future__ import annotations

from collections.abc import Sequence

from registry.domain.health import Health
from registry.domain.instance import Instance
from registry.domain.service import FailoverPolicy
from registry.domain.succession import replaced

_ROUNDING = 1e-9
"""0.55 of 100 must be 55: thresholds are decimal, floats are not."""


# stands_in, as the frontends judge it too
#
#   counted  healthy             healthy of counted     stands in
#   -------  ------------------  ---------------------  --------------------------------------
#   none     -                   -                      no: nothing was validated, or all left
#   some     below the minimum   any                    no
#   some     the minimum         below enter_threshold  no
#   some     the minimum         at least that          yes
#
# Counted are HEALTHY and UNHEALTHY ones that no other has replaced (I27).
def stands_in(instances: Sequence[Instance], policy: FailoverPolicy) -> bool:
    """Whether the instances of a service in one region are fit to answer for it."""
    gone = replaced(instances)
    healthy = sum(each.health is Health.HEALTHY for each in instances)
    counted = healthy + sum(
        each.health is Health.UNHEALTHY and each.key.instance not in gone for each in instances
    )
    return (
        counted > 0
        and healthy >= policy.minimum_endpoints
        and healthy + _ROUNDING >= policy.enter_threshold * counted
    )
