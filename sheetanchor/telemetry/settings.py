"""Where traces, metrics and logs go."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class LogFormat(Enum):
    """The shape of a log line."""

    AUTO = "auto"
    """Text at a terminal, JSON elsewhere."""
    JSON = "json"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class TelemetrySettings:
    """One process's telemetry."""

    service_name: str
    """`service.name` of the OpenTelemetry resource, as `sheetanchor-registry`."""
    instance_id: str = ""
    """`service.instance.id`; left out when empty."""
    otlp_endpoint: str = ""
    """`http://HOST:PORT` of an OTLP gRPC collector; empty means that none is told."""
    otlp_interval_seconds: float = 10.0
    """How often metrics are sent there."""
    sample_ratio: float = 1.0
    """Share of traces begun here that are recorded, when a collector is configured."""
    log_level: str = "INFO"
    """Least severity logged: DEBUG, INFO, WARNING, ERROR."""
    log_format: LogFormat = LogFormat.AUTO
