"""What applies where a policy says nothing is shown, and marked as a default."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from registry.adapters.rpc.translate.service import policy_message
from registry.domain.names import RegionName
from registry.domain.service import FailoverPolicy, HealthPolicy, ServicePolicy
from sheetanchor.cli.output import as_data
from sheetanchor.cli.policy import UNSAID, service_lines
from sheetanchor.v1.service_pb2 import Service

NAME = "namespaces/shop/services/cart"


def lines(**fields: Any) -> list[str]:
    """The service as `get service` shows it."""
    return service_lines(as_data(Service(name=NAME, **fields)))


def test_without_a_policy_all_of_it_is_default() -> None:
    """And says that another region may have one."""
    shown = lines(default_policy=policy_message(ServicePolicy()))
    at = next(n for n, line in enumerate(shown) if line.startswith("default_policy: nobody gave"))
    assert "  record_ttl_seconds: 10" in shown[at:]
    assert "    enter_threshold: 0.5" in shown[at:]
    assert "  failover.region_order: each frontend's own order, its --regions" in shown[at:]
    assert not any(line == "policy:" for line in shown)


def test_with_a_policy_only_what_it_leaves_open_is_default() -> None:
    """What it says is not repeated."""
    said = ServicePolicy(
        failover=FailoverPolicy(region_order=(RegionName("us"),)), health=HealthPolicy(rise=3)
    )
    shown = lines(policy=policy_message(said))
    at = shown.index("default where it says nothing:")
    assert "  health.fall: as each instance registered" in shown[at:]
    assert not any("region_order" in line or "rise" in line for line in shown[at:])
    assert not any(line.startswith("default_policy") for line in shown)


def test_a_service_of_an_older_registry_is_shown_as_it_is() -> None:
    """It tells no default."""
    assert lines() == ["name: namespaces/shop/services/cart", "revision: 0"]


def test_the_fields_that_may_be_empty_are_of_the_contract() -> None:
    """Each path leads to a field of the policy that is empty by default."""
    policy: Message = policy_message(ServicePolicy())
    for path, _ in UNSAID:
        found: Any = policy
        for name in path.split("."):
            found = getattr(found, name)
        assert not found, path
