"""Structured log lines that carry the ids of the trace they belong to."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import IO, Any

from opentelemetry import trace

from sheetanchor.telemetry.settings import LogFormat

# what every record has; anything else came by `extra=` and is the caller's data
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class Formatter(logging.Formatter):
    """One line a record: JSON for machines, or text for people at a terminal."""

    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its line break."""
        at = datetime.fromtimestamp(record.created, UTC)
        extra = {k: v for k, v in record.__dict__.items() if k not in _STANDARD}
        span = trace.get_current_span().get_span_context()
        if span.is_valid:
            extra["trace_id"] = f"{span.trace_id:032x}"
            extra["span_id"] = f"{span.span_id:016x}"
        trouble = self.formatException(record.exc_info) if record.exc_info else ""
        if not self._as_json:
            pairs = "".join(f" {key}={value}" for key, value in extra.items())
            line = f"{at:%H:%M:%S.%f} {record.levelname:7} {record.getMessage()}{pairs}"
            return f"{line}\n{trouble}" if trouble else line
        body: dict[str, Any] = {
            "time": at.isoformat(timespec="microseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **extra,
        }
        if trouble:
            body["exception"] = trouble
        return json.dumps(body, default=str, ensure_ascii=False)


class _Handler(logging.StreamHandler[IO[str]]):
    """Ours, so that a second `install` replaces it and leaves others' handlers alone."""


def install(level: str, form: LogFormat, stream: IO[str] | None = None) -> None:
    """Send all log records of the process to `stream` (default: standard error)."""
    stream = stream or sys.stderr
    as_json = form is LogFormat.JSON or (form is LogFormat.AUTO and not stream.isatty())
    handler = _Handler(stream)
    handler.setFormatter(Formatter(as_json=as_json))
    root = logging.getLogger()
    for old in [h for h in root.handlers if isinstance(h, _Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    # tells the name of its dialect at each start; what it does is told by its caller
    logging.getLogger("alembic").setLevel(logging.WARNING)
