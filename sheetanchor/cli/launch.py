"""What all server verbs share: telemetry, the status page, and the ways in which a start fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sheetanchor.cli.exit_code import ExitCode
from sheetanchor.cli.group import Failure
from sheetanchor.cli.settings import SETTINGS, BadSetting
from sheetanchor.cli.value import Endpoint
from sheetanchor.telemetry import LogFormat, StatusListenError, StatusPage, TelemetrySettings


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
def starting(server: str, values: Mapping[str, Any], **listening: type[OSError]) -> Iterator[None]:
    """Turn an OSError that ends a server's start into one line and an exit code.

    `listening` are the errors that mean that the address of a setting cannot be had.
    """
    listening["http"] = StatusListenError
    try:
        yield
    except OSError as error:
        text = error.strerror or str(error)
        for name, kind in listening.items():
            if isinstance(error, kind):
                text += f". Free it, or give another: {_origin(name, values)}"
                break
        else:
            if error.filename is not None:
                text = f"{error.filename}: {text}"
            if name := _path_of(error.filename, values):
                text += f". Mend it, or give another: {_origin(name, values)}"
        raise Failure(f"{server} cannot start: {text}.", ExitCode.CANNOT_START) from error


def _path_of(filename: object, values: Mapping[str, Any]) -> str:
    """The setting whose file or directory it is, or lies in; empty for none."""
    if not isinstance(filename, str | Path):
        return ""
    at = Path(filename)
    paths = {name: value for name, value in values.items() if isinstance(value, Path)}
    found = [name for name, path in paths.items() if at.is_relative_to(path)]
    # a directory is made with those above it
    found += [name for name, path in paths.items() if path.is_relative_to(at)]
    return found[0] if found else ""


def _origin(name: str, values: Mapping[str, Any]) -> str:
    """Where a value is given, and what it is now."""
    (setting,) = (each for each in SETTINGS if each.name == name)
    return f"{setting.option} ({setting.environment_variable}) is {values[name]}"
