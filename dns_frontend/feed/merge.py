"""An entry with some endpoints held, as octets that the disk and `decode` read like any other."""

from __future__ import annotations

from collections.abc import Mapping

from dns_frontend.feed.decode import published_of
from dns_frontend.plan.digest import Published
from dns_frontend.plan.guard import Limits
from dns_frontend.plan.velocity import Merge, Reason
from sheetanchor.v1 import instance_pb2, plan_pb2

_REASON = {
    Reason.NAME: plan_pb2.Hold.REASON_FRONTEND_NAME,
    Reason.CELL: plan_pb2.Hold.REASON_FRONTEND_CELL,
    Reason.VANISHED: plan_pb2.Hold.REASON_FRONTEND_VANISHED,
}


def merger(limits: Limits) -> Merge:
    """What makes such entries; with a fault those that are beyond the limits."""

    def merged(before: Published, after: Published, kept: Mapping[str, Reason]) -> Published:
        assert after.entry is not None, "only entries that make sense are merged"
        plan = plan_pb2.ServicePlan.FromString(after.body)
        endpoints = {each.instance: each for each in plan.endpoints}
        for each in plan_pb2.ServicePlan.FromString(before.body).endpoints:
            if each.instance in kept and each.instance not in endpoints:
                # nobody says any more how it is
                each.health = instance_pb2.HEALTH_UNHEALTHY
                each.evidence = instance_pb2.EVIDENCE_UNSPECIFIED
                endpoints[each.instance] = each
        for instance, reason in kept.items():
            endpoints[instance].hold.CopyFrom(plan_pb2.Hold(reason=_REASON[reason]))
        in_order = [endpoints[instance] for instance in sorted(endpoints)]
        del plan.endpoints[:]
        plan.endpoints.extend(in_order)
        body = plan.SerializeToString(deterministic=True)
        return published_of(after.entry.key.entry, body, limits)

    return merged
