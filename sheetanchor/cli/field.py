"""Which option a field of a request came from, so that a refusal names what was typed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from sheetanchor.cli.policy_option import POLICY_OPTIONS
from sheetanchor.client import FieldViolation, InvalidRequest

OPTIONS: Mapping[str, str] = {
    # register
    "instance_id": "--instance",
    "ttl": "--ttl",
    "instance.locality.region": "--region",
    "instance.addresses": "--address",
    "instance.ports": "--port",
    "instance.ports.name": "--port",
    "instance.priority": "--priority",
    "instance.weight": "--weight",
    "instance.metadata": "--metadata",
    "instance.health_check.kind": "--check",
    "instance.health_check.port": "--check-port",
    "instance.health_check.interval": "--check-interval",
    "instance.health_check.timeout": "--check-timeout",
    "instance.health_check.http.path": "--check-path",
    "instance.health_check.http": "--check-path",
    "instance.health_check.grpc.service": "--check-service",
    "instance.health_check.grpc": "--check-service",
    "instance.health_check.identity": "--check-identity",
    "instance.health_check.tls_server_name": "--check-server-name",
    # create and update service
    "service_id": "NAME",
    "service.etag": "--etag",
    **{f"service.policy.{row.path}": row.option.partition("/")[0] for row in POLICY_OPTIONS},
    "service.policy.failover.distances.start": "--distance",
    "service.policy.failover.distances.end": "--distance",
    "service.policy.failover.distances.distance": "--distance",
    # zone set
    "zone.etag": "--etag",
    "zone.settings.negative_ttl_seconds": "--negative-ttl",
    "zone.settings.degraded_ttl_seconds": "--degraded-ttl",
    "zone.settings.nameserver_ttl_seconds": "--nameserver-ttl",
    "zone.settings.client_networks": "--network",
    "zone.settings.client_networks.networks": "--network",
    "zone.settings.client_networks.networks.cidr": "--network",
    "zone.settings.client_networks.networks.region": "--network",
    # divert, freeze, pin, rollback
    "duration": "--for",
    "cell": "--cell",
    "reason": "--reason",
    # all that take a name
    "name": "NAME",
    "parent": "NAME",
}
"""By the field's path in the contract, without its indexes."""


def option_of(field: str) -> str:
    """The option or argument that fills a field; the field itself where none does."""
    return OPTIONS.get(re.sub(r"\[[^\]]*\]", "", field), field)


def refusal_text(error: InvalidRequest) -> str:
    """What is wrong, each fault with what was typed for it."""
    return "; ".join(_faults(error.violations)) or error.message


def _faults(violations: Iterable[FieldViolation]) -> Iterable[str]:
    for each in violations:
        option = option_of(each.field)
        index = re.search(r"\[([^\]]*)\]", each.field)
        which = ""
        if index and option != each.field:
            which = f" (value {int(index[1]) + 1})" if index[1].isdecimal() else f" ({index[1]})"
        yield f"{option}{which}: {each.description}"
