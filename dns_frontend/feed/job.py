"""An accepted generation on its way to the answers."""

from __future__ import annotations

from dataclasses import dataclass

from opentelemetry import trace

from dns_frontend.feed.word import Speak
from dns_frontend.plan.cell import Serve


@dataclass(slots=True)
class Job:
    """One step, who is to hear that it was taken, and its trace."""

    serve: Serve
    speak: Speak
    arrived_at: float
    span: trace.Span
    keep: bool
    """Whether it is the chain's, to be found on disk after a restart; a pin is not."""
