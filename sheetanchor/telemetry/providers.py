"""The OpenTelemetry providers of the process.

Prometheus can always read the metrics. Traces are recorded only when somebody takes
them: a collector, or the exporters handed in. Otherwise spans still have ids, so that
log lines of one request can be found by each other, but nothing is kept.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from opentelemetry import metrics, trace
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SimpleSpanProcessor,
    SpanExporter,
)
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    ParentBased,
    Sampler,
    TraceIdRatioBased,
)

from sheetanchor.telemetry import logs
from sheetanchor.telemetry.settings import TelemetrySettings

_log = logging.getLogger(__name__)
_lock = threading.Lock()
_configured: tuple[TracerProvider, MeterProvider] | None = None

# our promises are in milliseconds: the SDK's default buckets begin at 5 s
_SECONDS = (
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
)


def configure(settings: TelemetrySettings, *, span_exporters: Sequence[SpanExporter] = ()) -> None:
    """Set the process's providers and logs, once; later calls only set the logs anew.

    `span_exporters` get every span as it ends (for tests, and for tools that look inside).
    OpenTelemetry lets its global providers be set once a process, which is why two
    servers in one process share what the first of them configured.
    """
    logs.install(settings.log_level, settings.log_format)
    global _configured
    with _lock:
        if _configured is not None:
            for exporter in span_exporters:
                _configured[0].add_span_processor(SimpleSpanProcessor(exporter))
            return
        resource = Resource.create(
            {"service.name": settings.service_name}
            | ({"service.instance.id": settings.instance_id} if settings.instance_id else {})
        )
        tracers = TracerProvider(sampler=_sampler(settings, span_exporters), resource=resource)
        for exporter in span_exporters:
            tracers.add_span_processor(SimpleSpanProcessor(exporter))
        # scope labels tell what the names tell already, at some bytes a series
        readers: list[MetricReader] = [PrometheusMetricReader(scope_info_enabled=False)]
        if settings.otlp_endpoint:
            _log.info("telemetry goes to a collector", extra={"endpoint": settings.otlp_endpoint})
            _add_otlp(settings, tracers, readers)
        seconds = View(
            instrument_type=Histogram,
            instrument_unit="s",
            aggregation=ExplicitBucketHistogramAggregation(_SECONDS),
        )
        meters = MeterProvider(metric_readers=readers, resource=resource, views=[seconds])
        trace.set_tracer_provider(tracers)
        metrics.set_meter_provider(meters)
        _configured = (tracers, meters)


def flush(timeout_seconds: float = 5.0) -> None:
    """Send what is still waiting; for the end of a process."""
    if _configured is None:
        return
    tracers, meters = _configured
    tracers.force_flush(int(timeout_seconds * 1000))
    try:
        meters.force_flush(timeout_seconds * 1000)
    except Exception:
        _log.warning("the last metrics could not be sent", exc_info=True)


def _sampler(settings: TelemetrySettings, span_exporters: Sequence[SpanExporter]) -> Sampler:
    if span_exporters:
        return ALWAYS_ON
    if settings.otlp_endpoint:
        return ParentBased(TraceIdRatioBased(settings.sample_ratio))
    return ALWAYS_OFF


def _add_otlp(
    settings: TelemetrySettings, tracers: TracerProvider, readers: list[MetricReader]
) -> None:
    # imported here: without a collector no server should pay for loading the exporters
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    insecure = settings.otlp_endpoint.startswith("http://")
    tracers.add_span_processor(
        BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.otlp_endpoint, insecure=insecure))
    )
    readers.append(
        PeriodicExportingMetricReader(
            OTLPMetricExporter(endpoint=settings.otlp_endpoint, insecure=insecure),
            export_interval_millis=settings.otlp_interval_seconds * 1000,
        )
    )
