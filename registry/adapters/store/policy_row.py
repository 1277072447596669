"""A service's policy in the JSON bodies of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from registry.adapters.store.value import number, several, small, text, texts, truth, whole
from registry.domain.names import RegionName
from registry.domain.service import (
    AllDown,
    Distance,
    FailoverPolicy,
    HealthPolicy,
    ServicePolicy,
)
from registry.domain.zone import ClientNetwork, ZoneSettings


def encode(policy: ServicePolicy) -> dict[str, Any]:
    """What is written of a policy."""
    failover = policy.failover
    return {
        "ttl": policy.record_ttl_seconds,
        "scale_to_zero": policy.scale_to_zero,
        "region_order": failover.region_order,
        "enter": failover.enter_threshold,
        "exit": failover.exit_threshold,
        "hold": failover.exit_hold_seconds,
        "minimum": failover.minimum_endpoints,
        "enter_hold": failover.enter_hold_seconds,
        "distances": [(each.start, each.end, each.distance) for each in failover.distances],
        "overprovisioning": failover.overprovisioning,
        "all_down": failover.all_down.value,
        "static": failover.static_addresses,
        "health": [
            policy.health.rise,
            policy.health.fall,
            policy.health.damping_window_seconds,
            policy.health.slow_start_seconds,
        ],
        **({} if policy.zone is None else {"zone": _zone_row(policy.zone)}),
    }


def decode(row: dict[str, Any]) -> ServicePolicy:
    """The inverse of `encode`. Raises TypeError, ValueError, KeyError."""
    return ServicePolicy(
        record_ttl_seconds=small(row["ttl"]),
        failover=FailoverPolicy(
            region_order=tuple(map(RegionName, texts(row["region_order"]))),
            enter_threshold=number(row["enter"]),
            exit_threshold=number(row["exit"]),
            exit_hold_seconds=number(row["hold"]),
            minimum_endpoints=whole(row["minimum"]),
            enter_hold_seconds=number(row.get("enter_hold", 0.0)),
            distances=tuple(
                Distance(RegionName(text(start)), RegionName(text(end)), whole(distance))
                for start, end, distance in several(row.get("distances", []))
            ),
            overprovisioning=number(row.get("overprovisioning", 0.0)),
            all_down=AllDown(row.get("all_down", "fail_open_home")),
            static_addresses=texts(row.get("static", [])),
        ),
        scale_to_zero=truth(row["scale_to_zero"]),
        health=_health(row["health"]) if "health" in row else HealthPolicy(),
        zone=_zone(row["zone"]) if "zone" in row else None,
    )


def _zone_row(zone: ZoneSettings) -> dict[str, Any]:
    return {
        "negative_ttl": zone.negative_ttl_seconds,
        "degraded_ttl": zone.degraded_ttl_seconds,
        "nameserver_ttl": zone.nameserver_ttl_seconds,
        "networks": zone.client_networks,
    }


def _zone(row: dict[str, Any]) -> ZoneSettings:
    networks = row["networks"]
    negative, degraded, nameserver = (
        None if row[key] is None else whole(row[key])
        for key in ("negative_ttl", "degraded_ttl", "nameserver_ttl")
    )
    return ZoneSettings(
        negative,
        degraded,
        nameserver,
        None
        if networks is None
        else tuple(
            ClientNetwork(text(cidr), RegionName(text(region)))
            for cidr, region in several(networks)
        ),
    )


def _health(row: Sequence[Any]) -> HealthPolicy:
    rise, fall, damping, slow_start = row
    return HealthPolicy(small(rise), small(fall), number(damping), number(slow_start))
