"""What applies to a service where its policy says nothing, as lines beside the policy. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sheetanchor.cli.output import details

NO_POLICY = "default_policy: nobody gave a policy; this holds, unless another region's cell has one"
UNSAID: tuple[tuple[str, str], ...] = (
    ("failover.region_order", "each frontend's own order, its --regions"),
    ("failover.distances", "none are known"),
    ("failover.overprovisioning", "regions are never mixed"),
    ("failover.static_addresses", "none"),
    ("health.rise", "as each instance registered"),
    ("health.fall", "as each instance registered"),
)
"""Fields that may be empty in a policy that is complete otherwise, and what holds then."""


def service_lines(service: Mapping[str, Any]) -> list[str]:
    """A service as `get service` shows it: its fields, and the defaults marked as such."""
    data = dict(service)
    default = data.pop("default_policy", None)
    lines = details(data)
    policy = data.get("policy") or default
    if policy is None:
        return lines
    if not data.get("policy"):
        lines += [NO_POLICY, *details(policy, "  ")]
    unsaid = [f"  {path}: {words}" for path, words in UNSAID if not _at(policy, path)]
    return [*lines, "default where it says nothing:", *unsaid] if unsaid else lines


def _at(policy: Mapping[str, Any], path: str) -> Any:
    found: Any = policy
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
