"""Services and their policies, from the domain to their messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from registry.adapters.rpc.translate.moment import duration, timestamp
from registry.domain.service import (
    AllDown,
    Service,
    ServicePolicy,
    StagedPolicy,
    StageState,
)
from registry.domain.zone import ZoneSettings
from sheetanchor.v1 import service_pb2 as pb
from sheetanchor.v1 import zone_settings_pb2

STATE: Final = {
    StageState.BAKING: pb.StagedPolicy.STATE_BAKING,
    StageState.ROLLED_BACK: pb.StagedPolicy.STATE_ROLLED_BACK,
}
ALL_DOWN: Final = {
    AllDown.FAIL_OPEN_HOME: pb.FailoverPolicy.ALL_DOWN_FAIL_OPEN_HOME,
    AllDown.FAIL_OPEN_ALL: pb.FailoverPolicy.ALL_DOWN_FAIL_OPEN_ALL,
    AllDown.LAST_KNOWN_GOOD: pb.FailoverPolicy.ALL_DOWN_LAST_KNOWN_GOOD,
    AllDown.STATIC: pb.FailoverPolicy.ALL_DOWN_STATIC,
    AllDown.SERVFAIL: pb.FailoverPolicy.ALL_DOWN_SERVFAIL,
    AllDown.NODATA: pb.FailoverPolicy.ALL_DOWN_NODATA,
}


def service_message(service: Service, ready_regions: Sequence[str] = ()) -> pb.Service:
    """A service as the API shows it; without a policy when nobody gave one."""
    return pb.Service(
        name=str(service.key),
        uid=service.uid,
        policy=None if service.policy is None else policy_message(service.policy),
        etag=service.etag,
        create_time=timestamp(service.create_time_ms),
        update_time=timestamp(service.update_time_ms),
        revision=service.revision,
        ready_regions=ready_regions,
        staged_policy=None if service.staged is None else _staged_message(service.staged),
        diversions=[
            pb.Diversion(
                cell=str(each.cell),
                create_time=timestamp(each.span.create_time_ms),
                end_time=timestamp(each.span.end_time_ms),
                reason=each.reason,
            )
            for each in service.diversions
        ],
    )


def _staged_message(staged: StagedPolicy) -> pb.StagedPolicy:
    return pb.StagedPolicy(
        uid=staged.uid,
        policy=None if staged.policy is None else policy_message(staged.policy),
        create_time=timestamp(staged.create_time_ms),
        state=STATE[staged.state],
        reason=staged.reason,
    )


def policy_message(policy: ServicePolicy) -> pb.ServicePolicy:
    """A policy with every field set: defaults are shown, not implied."""
    failover = policy.failover
    return pb.ServicePolicy(
        record_ttl_seconds=policy.record_ttl_seconds,
        failover=pb.FailoverPolicy(
            region_order=failover.region_order,
            enter_threshold=failover.enter_threshold,
            exit_threshold=failover.exit_threshold,
            exit_hold=duration(failover.exit_hold_seconds),
            minimum_endpoints=failover.minimum_endpoints,
            enter_hold=duration(failover.enter_hold_seconds),
            distances=[
                pb.Distance(start=each.start, end=each.end, distance=each.distance)
                for each in failover.distances
            ],
            overprovisioning=failover.overprovisioning,
            all_down=ALL_DOWN[failover.all_down],
            static_addresses=failover.static_addresses,
        ),
        scale_to_zero=policy.scale_to_zero,
        health=pb.HealthPolicy(
            rise=policy.health.rise,
            fall=policy.health.fall,
            damping_window=duration(policy.health.damping_window_seconds),
            slow_start=duration(policy.health.slow_start_seconds),
        ),
        zone=None if policy.zone is None else settings_message(policy.zone),
    )


def settings_message(settings: ZoneSettings) -> zone_settings_pb2.ZoneSettings:
    """The zone's settings, with the fields alone that somebody set."""
    networks = settings.client_networks
    return zone_settings_pb2.ZoneSettings(
        negative_ttl_seconds=settings.negative_ttl_seconds,
        degraded_ttl_seconds=settings.degraded_ttl_seconds,
        nameserver_ttl_seconds=settings.nameserver_ttl_seconds,
        client_networks=None
        if networks is None
        else zone_settings_pb2.ClientNetworks(
            networks=[
                zone_settings_pb2.ClientNetwork(cidr=each.cidr, region=each.region)
                for each in networks
            ]
        ),
    )
