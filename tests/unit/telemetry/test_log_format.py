"""A log line is one record, with its data and the trace it belongs to."""

from __future__ import annotations

import io
import json
import logging
import sys

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from sheetanchor.telemetry import LogFormat
from sheetanchor.telemetry.logs import Formatter, install


def record(**extra: object) -> logging.LogRecord:
    """A record as `logger.info("two %s", "words", extra=extra)` makes it."""
    made = logging.LogRecord("a.b", logging.INFO, __file__, 1, "two %s", ("words",), None)
    made.__dict__.update(extra)
    return made


def test_a_json_line_holds_the_callers_data() -> None:
    body = json.loads(Formatter(as_json=True).format(record(cell="eu", generation=7)))
    time = body.pop("time")
    assert time.endswith("+00:00")
    assert body == {
        "level": "INFO",
        "logger": "a.b",
        "message": "two words",
        "cell": "eu",
        "generation": 7,
    }


def test_a_line_carries_the_ids_of_its_trace_even_when_nothing_is_recorded() -> None:
    tracer = TracerProvider(sampler=ALWAYS_OFF).get_tracer("test")
    with tracer.start_as_current_span("work") as span:
        body = json.loads(Formatter(as_json=True).format(record()))
    assert body["trace_id"] == trace.format_trace_id(span.get_span_context().trace_id)
    assert body["span_id"] == trace.format_span_id(span.get_span_context().span_id)


def test_an_exception_stays_inside_its_json_line() -> None:
    made = record()
    try:
        raise ValueError("of two\nlines")
    except ValueError:
        made.exc_info = sys.exc_info()
    line = Formatter(as_json=True).format(made)
    assert "\n" not in line
    assert "ValueError: of two\nlines" in json.loads(line)["exception"]


def test_text_is_for_people() -> None:
    line = Formatter(as_json=False).format(record(cell="eu"))
    assert line.endswith("INFO    two words cell=eu")


def test_installing_twice_writes_each_line_once() -> None:
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    out = io.StringIO()
    try:
        install("INFO", LogFormat.AUTO, io.StringIO())
        install("INFO", LogFormat.AUTO, out)
        logging.getLogger("x").info("once")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    assert [json.loads(line)["message"] for line in out.getvalue().splitlines()] == ["once"]
