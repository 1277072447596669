"""What is published of an entry that is larger than an entry may be (I9).

The door lets nothing in that would make one so large (`occupancy`). But what the database
holds may have come by another way: from an earlier version with other bounds, or by hand;
and where the last set known is held for instances that all left, those that come to replace
it are published beside it. Refused as a whole, such an entry would stay as it was, and nobody
would be seen to leave. So a part of it is published, and how much was left out is said in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

from registry.domain.cell_plan import Entry
from registry.domain.guard import Limits
from registry.domain.health import Health
from registry.domain.names import Incarnation
from registry.domain.plan import Endpoint, ServicePlan
from registry.domain.planner import is_servable, settled
from registry.domain.room import POLICY_OCTETS

Encode = Callable[[ServicePlan], bytes]


# excerpt
#
#   the entry                            its policy alone   published
#   -----------------------------------  -----------------  -----------------------------------
#   within both bounds                   any                as it is
#   more endpoints or octets than those  as large as one    those endpoints that come first (see
#                                        may be, or less    `_rank`), as many as there is room
#                                                           for; how many others there are
#   the same                             larger             likewise, with the policy that was
#                                                           published last, and nothing staged
def excerpt(
    plan: ServicePlan, previous: ServicePlan | None, encode: Encode, limits: Limits
) -> Entry | None:
    """The entry to publish instead of `previous`; None when that is what is to be published."""
    if len(plan.endpoints) <= limits.endpoints_per_service:
        body = encode(plan)
        if len(body) <= limits.entry_octets:
            return Entry(plan, body)
    cut = settled(_cut(plan, previous, encode, limits), previous)
    return None if cut is previous else Entry(cut, encode(cut))


def _cut(
    plan: ServicePlan, previous: ServicePlan | None, encode: Encode, limits: Limits
) -> ServicePlan:
    # Told as if all were left out: a number takes room as well.
    bare = replace(plan, endpoints=(), omitted=len(plan.endpoints))
    if len(encode(bare)) > POLICY_OCTETS:
        policy = None if previous is None else previous.policy
        bare = replace(bare, policy=policy, staged=None)
    fixed = len(encode(bare))
    room = limits.entry_octets - fixed
    known = {} if previous is None else {e.instance: e.incarnation for e in previous.endpoints}
    kept: list[Endpoint] = []
    for endpoint in sorted(plan.endpoints, key=lambda each: _rank(each, known.get(each.instance))):
        if len(kept) == limits.endpoints_per_service:
            break
        octets = len(encode(replace(bare, endpoints=(endpoint,)))) - fixed
        if octets <= room:
            kept.append(endpoint)
            room -= octets
    kept.sort(key=lambda each: each.instance)
    return replace(bare, endpoints=tuple(kept), omitted=len(plan.endpoints) - len(kept))


# _rank
#
#   the endpoint is                                        published before   comes
#   -----------------------------------------------------  ----------------   ------
#   answered with: HEALTHY, or its removal is held         yes                first
#   answered with                                          no                 second
#   servable, as when nothing better is left               yes                third
#   servable                                               no                 fourth
#   UNKNOWN: never answered with before its first success  any                last
#
# So nobody who comes drives out one that is answered with, and one who leaves, or is not
# well, makes room for one who waits. Among equals a hash of the id decides: always the same,
# and no kinder to one zone or release than to another, as the order of ids would be.
def _rank(endpoint: Endpoint, published: Incarnation | None) -> tuple[int, bytes]:
    is_new = published != endpoint.incarnation
    if endpoint.health is Health.HEALTHY or endpoint.hold is not None:
        rank = 0 + is_new
    elif is_servable(endpoint):
        rank = 2 + is_new
    else:
        rank = 4
    return rank, sha256(endpoint.instance.encode()).digest()
