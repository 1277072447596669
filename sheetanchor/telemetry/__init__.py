"""Traces, metrics, logs and the status page, the same for every server of the project.

A server names its instruments in its own `telemetry` module by the OpenTelemetry API;
this package decides, once a process, where they go.
"""

from sheetanchor.telemetry.providers import configure, flush
from sheetanchor.telemetry.settings import LogFormat, TelemetrySettings
from sheetanchor.telemetry.status import Check, StatusListenError, StatusPage

__all__ = [
    "Check",
    "LogFormat",
    "StatusListenError",
    "StatusPage",
    "TelemetrySettings",
    "configure",
    "flush",
]
