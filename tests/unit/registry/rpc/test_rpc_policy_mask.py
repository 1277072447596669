"""An update takes over what its mask names, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from google.protobuf.duration_pb2 import Duration

from registry.adapters.rpc.translate.policy_mask import mask_paths, revised_policy
from registry.domain.errors import InvalidField
from registry.domain.names import RegionName
from registry.domain.service import FailoverPolicy, ServicePolicy
from sheetanchor.v1.service_pb2 import FailoverPolicy as FailoverMessage
from sheetanchor.v1.service_pb2 import Service
from sheetanchor.v1.service_pb2 import ServicePolicy as PolicyMessage

REGIONS = ("eu", "us", "ap")
CURRENT = ServicePolicy(
    record_ttl_seconds=20,
    failover=FailoverPolicy((RegionName("eu"),), 0.4, 0.8, 12.5, 3),
    scale_to_zero=True,
)
FAILOVER = CURRENT.failover
ASKED = Service(
    policy=PolicyMessage(
        record_ttl_seconds=30,
        failover=FailoverMessage(
            region_order=["us", "ap"],
            enter_threshold=0.6,
            exit_threshold=0.9,
            exit_hold=Duration(seconds=1, nanos=500_000_000),
            minimum_endpoints=5,
        ),
    )
)
US_AP = (RegionName("us"), RegionName("ap"))


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("policy", ServicePolicy(30, FailoverPolicy(US_AP, 0.6, 0.9, 1.5, 5), False)),
        ("policy.record_ttl_seconds", replace(CURRENT, record_ttl_seconds=30)),
        ("policy.scale_to_zero", replace(CURRENT, scale_to_zero=False)),
        ("policy.failover", replace(CURRENT, failover=FailoverPolicy(US_AP, 0.6, 0.9, 1.5, 5))),
        (
            "policy.failover.region_order",
            replace(CURRENT, failover=replace(FAILOVER, region_order=US_AP)),
        ),
        (
            "policy.failover.enter_threshold",
            replace(CURRENT, failover=replace(FAILOVER, enter_threshold=0.6)),
        ),
        (
            "policy.failover.exit_threshold",
            replace(CURRENT, failover=replace(FAILOVER, exit_threshold=0.9)),
        ),
        (
            "policy.failover.exit_hold",
            replace(CURRENT, failover=replace(FAILOVER, exit_hold_seconds=1.5)),
        ),
        (
            "policy.failover.minimum_endpoints",
            replace(CURRENT, failover=replace(FAILOVER, minimum_endpoints=5)),
        ),
    ],
)
def test_a_path_takes_over_its_field(path: str, found: ServicePolicy) -> None:
    assert revised_policy(CURRENT, ASKED, mask_paths([path]), REGIONS) == found


@pytest.mark.parametrize("paths", [[], ["*"], ["policy"], ["policy", "policy.scale_to_zero"]])
def test_no_mask_or_the_whole_one_replaces_the_policy(paths: list[str]) -> None:
    assert mask_paths(paths) == ("policy",)
    assert revised_policy(CURRENT, Service(), mask_paths(paths), REGIONS) is None


def test_a_field_unset_in_the_request_takes_its_default() -> None:
    paths = mask_paths(["policy.failover.exit_hold", "policy.record_ttl_seconds"])
    found = revised_policy(CURRENT, Service(), paths, REGIONS)
    assert found == replace(
        CURRENT, record_ttl_seconds=10, failover=replace(FAILOVER, exit_hold_seconds=30.0)
    )


def test_a_part_may_be_given_to_a_service_without_a_policy() -> None:
    found = revised_policy(None, ASKED, mask_paths(["policy.record_ttl_seconds"]), REGIONS)
    assert found == ServicePolicy(record_ttl_seconds=30)


@pytest.mark.parametrize("path", ["uid", "name", "etag", "policy.ttl", "policy.failover.x", ""])
def test_an_unknown_path_is_refused_by_name(path: str) -> None:
    with pytest.raises(InvalidField) as caught:
        mask_paths(["policy", path])
    (violation,) = caught.value.violations
    assert violation.field == "update_mask"
    assert repr(path) in violation.description


def test_a_part_that_contradicts_what_stays_is_refused() -> None:
    asked = Service(policy=PolicyMessage(failover=FailoverMessage(enter_threshold=0.95)))
    with pytest.raises(InvalidField) as caught:
        revised_policy(CURRENT, asked, mask_paths(["policy.failover.enter_threshold"]), REGIONS)
    assert [v.field for v in caught.value.violations] == ["service.policy.failover.exit_threshold"]
