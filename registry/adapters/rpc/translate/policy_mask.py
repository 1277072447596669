"""Which fields of a policy an update takes over (AIP-134), and the policy that comes of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from registry.adapters.rpc.translate.draft import policy_draft
from registry.adapters.rpc.translate.service import policy_message
from registry.adapters.rpc.translate.update_mask import checked_paths
from registry.domain.policy_admission import admit_policy
from registry.domain.service import ServicePolicy
from sheetanchor.v1 import service_pb2 as pb

ALL: Final = "policy"
PATHS: Final = (
    ALL,
    *(
        f"policy.{field.name}"
        for field in pb.ServicePolicy.DESCRIPTOR.fields
        if field.name != "zone"  # UpdateZone's
    ),
    *(f"policy.failover.{field.name}" for field in pb.FailoverPolicy.DESCRIPTOR.fields),
    *(f"policy.health.{field.name}" for field in pb.HealthPolicy.DESCRIPTOR.fields),
)


def mask_paths(paths: Sequence[str]) -> tuple[str, ...]:
    """The paths of a mask, checked; none or `*` mean the whole policy.

    Raises InvalidField naming each path that is unknown, or not for clients to set.
    """
    return checked_paths(paths, PATHS, ALL)


def revised_policy(
    current: ServicePolicy | None,
    asked: pb.Service,
    paths: Sequence[str],
    regions: Collection[str],
) -> ServicePolicy | None:
    """`current` with the fields at `paths` as in `asked`; a field unset there takes its default.

    `regions` are all there are. None: nobody gives a policy any more. Raises InvalidField.
    """
    if ALL in paths:
        if not asked.HasField("policy"):
            return None
        return admit_policy(policy_draft(asked.policy), regions)
    policy = pb.ServicePolicy() if current is None else policy_message(current)
    for path in paths:
        _, *names = path.split(".")
        _take_over(policy, asked.policy, names)
    return admit_policy(policy_draft(policy), regions)


def _take_over(
    target: pb.ServicePolicy | pb.FailoverPolicy | pb.HealthPolicy,
    source: pb.ServicePolicy | pb.FailoverPolicy | pb.HealthPolicy,
    names: Sequence[str],
) -> None:
    name, *deeper = names
    if deeper:
        # a mask goes one message deep: `failover` and `health` have fields below them
        _take_over(getattr(target, name), getattr(source, name), deeper)
        return
    target.ClearField(name)
    if source.DESCRIPTOR.fields_by_name[name].has_presence and not source.HasField(name):
        return
    match getattr(source, name):
        case str() | int() | float() as plain:
            setattr(target, name, plain)
        case value if hasattr(value, "DESCRIPTOR"):
            getattr(target, name).CopyFrom(value)
        case values:
            getattr(target, name).extend(values)
