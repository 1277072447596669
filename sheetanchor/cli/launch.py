"""What all server verbs share: telemetry, the status page, and the ways in which a start fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sheetanchor.cli.exit_code import ExitCode
from sheetanchor.cli.group import Failure
from sheetanchor.cli.settings import SETTINGS, BadSetting
from sheetanchor.cli.value import Endpoint
from sheetanchor.telemetry import LogFormat, StatusPage, TelemetrySettings


def telemetry_settings(values: Mapping[str, Any], service: str, instance: str) -> TelemetrySettings:
    """Where this process's telemetry goes."""
    return TelemetrySettings(
        service_name=service,
        instance_id=instance,
        otlp_endpoint=values["otlp_endpoint"] or "",
        log_level=values["log_level"],
        log_format=LogFormat(values["log_format"]),
    )


def status_page(values: Mapping[str, Any]) -> StatusPage:
    """The status page, not started yet."""
    where: Endpoint = values["http"]
    return StatusPage(where.host, where.port)


@contextmanager
def checked() -> Iterator[None]:
    """Turn a ValueError `FIELD: reason` of a settings dataclass into a BadSetting."""
    try:
        yield
    except ValueError as error:
        field, colon, reason = str(error).partition(": ")
        options = {setting.name: setting.option for setting in SETTINGS}
        if colon and field in options:
            raise BadSetting(f"{options[field]}: {reason}") from error
        raise BadSetting(str(error)) from error


@contextmanager
def starting(server: str) -> Iterator[None]:
    """Turn an OSError that ends a server's start into one line and an exit code."""
    try:
        yield
    except OSError as error:
        text = error.strerror or str(error)
        if error.filename is not None:
            text = f"{error.filename}: {text}"
        raise Failure(
            f"{server} cannot start: {text}. Free the address or directory, or give it another.",
            ExitCode.CANNOT_START,
        ) from error
