"""What a service says of one of its instances, as a value that makes the request."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from google.protobuf import duration_pb2

from sheetanchor.v1 import instance_pb2, registration_service_pb2

_IDENTITY = {
    "header": instance_pb2.HealthCheck.IDENTITY_HEADER,
    "metadata": instance_pb2.HealthCheck.IDENTITY_METADATA,
    "health_service": instance_pb2.HealthCheck.IDENTITY_HEALTH_SERVICE,
}
_LABEL = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Port:
    """A port that the instance listens on; `name` is the label of its SRV names."""

    name: str
    number: int
    protocol: Literal["tcp", "udp"] = "tcp"


@dataclass(frozen=True, slots=True)
class Check:
    """How the registry convinces itself that the instance serves.

    `kind` is `tcp` (a connection is opened and closed), `http` or `https` (a GET), `grpc` or
    `grpcs` (the standard health service), or `none` (the lease alone speaks for the
    instance). Zero and empty leave a value to the registry's default.
    """

    kind: Literal["tcp", "http", "https", "grpc", "grpcs", "none"]
    port: int = 0
    interval_seconds: float = 0.0
    timeout_seconds: float = 0.0
    rise: int = 0
    fall: int = 0
    http_path: str = ""
    http_host: str = ""
    http_statuses: tuple[int, ...] = ()
    http_body_match: str = ""
    grpc_service: str = ""
    identity: Literal["", "header", "metadata", "health_service"] = ""
    """How the target proves that it is this instance, by `Announcement.name`."""
    tls_server_name: str = ""


@dataclass(frozen=True, slots=True)
class Announcement:
    """One instance of a service. The registry checks it; nothing here does."""

    service: str
    instance: str
    namespace: str
    region: str
    addresses: tuple[str, ...]
    ports: tuple[Port, ...] = ()
    zone: str = ""
    cell: str = ""
    priority: int = 0
    weight: int = 1
    metadata: Mapping[str, str] = field(default_factory=dict)
    check: Check | None = None
    ttl_seconds: float = 15.0

    @property
    def name(self) -> str:
        """The instance's resource name."""
        return f"{self.parent}/instances/{self.instance}"

    @property
    def parent(self) -> str:
        """The service's resource name."""
        return f"namespaces/{self.namespace}/services/{self.service}"

    def request(self, request_id: str) -> registration_service_pb2.RegisterInstanceRequest:
        """The request that registers it."""
        instance = instance_pb2.Instance(
            locality=instance_pb2.Locality(region=self.region, zone=self.zone),
            cell=self.cell,
            addresses=self.addresses,
            ports=[
                instance_pb2.Port(
                    name=port.name,
                    number=port.number,
                    protocol=f"PROTOCOL_{port.protocol.upper()}",
                )
                for port in self.ports
            ],
            priority=self.priority,
            weight=self.weight,
            metadata=dict(self.metadata),
        )
        if self.check is not None:
            instance.health_check.CopyFrom(_check_message(self.check))
        return registration_service_pb2.RegisterInstanceRequest(
            parent=self.parent,
            instance_id=self.instance,
            instance=instance,
            ttl=duration(self.ttl_seconds),
            request_id=request_id,
        )


def ports_of(ports: int | Mapping[str, int] | Sequence[Port]) -> tuple[Port, ...]:
    """Ports as a caller finds handy: one number, numbers by name (TCP), or `Port`s; 0 is none."""
    if isinstance(ports, int):
        return (Port("main", ports),) if ports else ()
    if isinstance(ports, Mapping):
        return tuple(Port(name, number) for name, number in ports.items())
    return tuple(ports)


def instance_id_for(host: str, suffix: str) -> str:
    """An instance id, a DNS label, made of a host's name and what tells instances on it apart."""
    base = re.sub(r"[^a-z0-9]+", "-", host.split(".")[0].lower()).strip("-")
    if not base or not base[0].isalpha():
        base = f"i-{base}".rstrip("-")
    return f"{base[: 62 - len(suffix)].rstrip('-')}-{suffix}"


def is_label(text: str) -> bool:
    """Whether `text` may be an id: it is then a DNS label as it stands (RFC 1123, 2.1)."""
    return _LABEL.fullmatch(text) is not None


def duration(seconds: float) -> duration_pb2.Duration:
    """A protobuf Duration."""
    message = duration_pb2.Duration()
    message.FromTimedelta(timedelta(seconds=seconds))
    return message


def seconds(message: duration_pb2.Duration) -> float:
    """A protobuf Duration in seconds."""
    return message.seconds + message.nanos / 1e9


def _check_message(check: Check) -> instance_pb2.HealthCheck:
    message = instance_pb2.HealthCheck(
        kind=f"KIND_{check.kind.upper()}",
        port=check.port,
        rise=check.rise,
        fall=check.fall,
    )
    if check.identity:
        message.identity = _IDENTITY[check.identity]
    message.tls_server_name = check.tls_server_name
    if check.http_path or check.http_host or check.http_statuses or check.http_body_match:
        message.http.path, message.http.host = check.http_path, check.http_host
        message.http.expected_statuses.extend(check.http_statuses)
        message.http.body_match = check.http_body_match
    if check.grpc_service:
        message.grpc.service = check.grpc_service
    if check.interval_seconds:
        message.interval.CopyFrom(duration(check.interval_seconds))
    if check.timeout_seconds:
        message.timeout.CopyFrom(duration(check.timeout_seconds))
    return message
