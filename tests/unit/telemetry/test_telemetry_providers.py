"""Where traces and metrics go is decided once a process; so each test has a process."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from scripts.metrics_page import LISTS, instruments

ROOT = Path(__file__).resolve().parents[3]


def said_by(code: str) -> Any:
    """What a fresh interpreter prints, as JSON, after configuring telemetry as `code` does."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)


def test_without_a_collector_spans_have_ids_and_are_not_recorded() -> None:
    said = said_by("""
        import json
        from registry import telemetry
        from sheetanchor.telemetry import TelemetrySettings, configure
        configure(TelemetrySettings("test"))
        with telemetry.tracer.start_as_current_span("outer") as outer:
            parent = telemetry.traceparent_of(outer)
            inside = telemetry.tracer.start_span("inner", telemetry.context_of(parent))
        print(json.dumps([parent, telemetry.traceparent_of(inside), outer.is_recording()]))
    """)
    outer, inner, recording = said
    assert not recording
    assert outer.split("-")[1] == inner.split("-")[1] != "0" * 32
    assert outer.split("-")[2] != inner.split("-")[2]


def test_an_exporter_gets_spans_with_their_parents_and_links() -> None:
    said = said_by("""
        import json
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        from registry import telemetry
        from sheetanchor.telemetry import TelemetrySettings, configure
        kept = InMemorySpanExporter()
        configure(TelemetrySettings("test"), span_exporters=[kept])
        with telemetry.tracer.start_as_current_span("first") as first:
            a = telemetry.traceparent_of(first)
        with telemetry.tracer.start_as_current_span("second") as second:
            b = telemetry.traceparent_of(second)
        with telemetry.tracer.start_as_current_span(
            "plan", context=telemetry.context_of(a), links=telemetry.links_to([b, "garbage", ""])
        ):
            pass
        plan = kept.get_finished_spans()[-1]
        print(json.dumps([a, b, f"{plan.parent.span_id:016x}",
                          [f"{link.context.span_id:016x}" for link in plan.links]]))
    """)
    first, second, parent, links = said
    assert parent == first.split("-")[2]
    assert links == [second.split("-")[2]]


def test_seconds_are_counted_in_buckets_that_tell_milliseconds_apart() -> None:
    said = said_by("""
        import json
        from prometheus_client import REGISTRY, generate_latest
        from registry import telemetry
        from sheetanchor.telemetry import TelemetrySettings, configure
        configure(TelemetrySettings("test"))
        configure(TelemetrySettings("again"))
        telemetry.rpc_duration.record(0.003, {"method": "m", "code": "OK"})
        print(json.dumps(generate_latest(REGISTRY).decode().splitlines()))
    """)
    name = "sheetanchor_registry_rpc_duration_seconds_bucket"
    below = [line for line in said if line.startswith(name) and 'le="0.0025"' in line]
    above = [line for line in said if line.startswith(name) and 'le="0.005"' in line]
    assert [line.rpartition(" ")[2] for line in (*below, *above)] == ["0.0", "1.0"]
    assert "otel_scope_name" not in below[0]


def test_every_metric_is_on_the_page_under_the_name_that_prometheus_sees() -> None:
    """Whatever the exporter makes of names and units; and no instrument makes it complain."""
    shown, complaints = said_by("""
        import json, logging
        from prometheus_client import REGISTRY, generate_latest
        from sheetanchor.telemetry import TelemetrySettings, configure
        complaints = []
        class Ear(logging.Handler):
            def emit(self, record):
                complaints.append(record.getMessage())
        configure(TelemetrySettings("test"))
        logging.getLogger().addHandler(Ear(logging.WARNING))
        from dns_frontend import telemetry as frontend
        from registry import telemetry as registry
        for name, each in [*vars(registry).items(), *vars(frontend).items()]:
            for verb in ("add", "set", "record"):
                if hasattr(each, "name") and hasattr(each, verb):
                    getattr(each, verb)(1.0)
            if name.isupper() and str(each).startswith("sheetanchor.frontend."):
                frontend.observe(each, lambda: [(1.0, {})])
        print(json.dumps([generate_latest(REGISTRY).decode().splitlines(), complaints]))
    """)
    assert complaints == []
    types = [line.split() for line in shown if line.startswith("# TYPE sheetanchor_")]
    served = sorted(name for _, _, name, _ in types)
    declared = [each for path in LISTS.values() for each in instruments(path)]
    assert served == sorted(each.prometheus for each in declared)


def test_garbage_is_no_traceparent() -> None:
    said = said_by("""
        import json
        from registry import telemetry
        print(json.dumps([telemetry.span_context_of(text).is_valid for text in (
            "", "x", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "00-é", "a" * 100000)]))
    """)
    assert said == [False] * 5
