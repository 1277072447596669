"""The trace that a request belongs to: the caller's, or one that begins here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from grpc.aio import ServicerContext

from registry import telemetry

_TRACEPARENT: Final = "traceparent"


@contextmanager
def traced(context: ServicerContext, name: str) -> Iterator[str]:
    """Do the work of one request in a span; gives its `traceparent`, to travel with the change."""
    incoming = ""
    for key, value in context.invocation_metadata():
        if key == _TRACEPARENT and isinstance(value, str):
            incoming = value
            break
    parent = telemetry.context_of(incoming) if incoming else None
    span = telemetry.tracer.start_span(name, context=parent, kind=telemetry.SpanKind.SERVER)
    traceparent = telemetry.traceparent_of(span)
    if span.is_recording():
        with telemetry.use_span(span, end_on_exit=True):
            yield traceparent
        return
    # Nobody keeps it: its ids are all there is to it. This is half of the cost of a span that
    # is kept, and nearly all requests come by here.
    entered = telemetry.enter(span)
    try:
        yield traceparent
    finally:
        telemetry.leave(entered)
