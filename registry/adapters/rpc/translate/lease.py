"""Leases, from the domain to their message."""

from __future__ import annotations

from registry.adapters.rpc.translate.moment import duration, timestamp
from registry.domain.names import Incarnation, InstanceKey
from sheetanchor.v1 import lease_pb2 as pb


def lease_message(
    key: InstanceKey,
    incarnation: Incarnation,
    *,
    ttl_seconds: float,
    renewal_interval_seconds: float,
    expire_time_ms: int,
) -> pb.Lease:
    """A lease as the API shows it."""
    return pb.Lease(
        name=f"{key}/lease",
        uid=incarnation,
        ttl=duration(ttl_seconds),
        renewal_interval=duration(renewal_interval_seconds),
        expire_time=timestamp(expire_time_ms),
    )
