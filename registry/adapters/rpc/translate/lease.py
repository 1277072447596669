"""Leases, from the domain to their message."""

from __future__ import annotations

from registry.adapters.rpc.translate.moment import duration, timestamp, write_duration
from registry.domain.names import Incarnation, InstanceKey
from sheetanchor.v1 import lease_pb2 as pb


def write_lease(
    message: pb.Lease,
    key: InstanceKey,
    incarnation: Incarnation,
    *,
    ttl_seconds: float,
    renewal_interval_seconds: float,
    expire_time_ms: int,
) -> None:
    """Make an empty message a lease as the API shows it."""
    message.name = f"{key}/lease"
    message.uid = incarnation
    message.ttl.CopyFrom(duration(ttl_seconds))
    write_duration(message.renewal_interval, renewal_interval_seconds)
    message.expire_time.CopyFrom(timestamp(expire_time_ms))


def lease_message(
    key: InstanceKey,
    incarnation: Incarnation,
    *,
    ttl_seconds: float,
    renewal_interval_seconds: float,
    expire_time_ms: int,
) -> pb.Lease:
    """A lease as the API shows it."""
    message = pb.Lease()
    write_lease(
        message,
        key,
        incarnation,
        ttl_seconds=ttl_seconds,
        renewal_interval_seconds=renewal_interval_seconds,
        expire_time_ms=expire_time_ms,
    )
    return message
