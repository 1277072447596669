"""Every metric and span name of the DNS frontend, in one list.

Only the OpenTelemetry API is used here. `dns_frontend.plan` never counts; the query
path counts in plain integers, which `observe` shows when somebody reads the metrics.

Rule: one instrument a line, the unit in the instrument (UCUM), attributes of few
values only (frontend, cell, cluster, rule; never a service, a name or a client).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from opentelemetry import context, metrics, trace
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

SCOPE = "sheetanchor.frontend"

tracer = trace.get_tracer(SCOPE)
_meter = metrics.get_meter(SCOPE)

Readings = Iterable[tuple[float, Mapping[str, str]]]
"""Values with their attributes."""
Reading = Callable[[], Readings]
"""The values now. Called from another thread; must only look."""

_readings: dict[str, tuple[Reading, ...]] = {}


def observe(name: str, reading: Reading) -> Callable[[], None]:
    """Show `reading` under the observed instrument `name`; returns how to withdraw it.

    Several frontends of one process show theirs under one instrument, told apart by
    their `frontend` attribute. Raises KeyError when there is no such instrument.
    """
    _readings[name] = (*_readings[name], reading)

    def withdraw() -> None:
        _readings[name] = tuple(each for each in _readings[name] if each is not reading)

    return withdraw


def _shown(name: str) -> list[Callable[[CallbackOptions], Iterable[Observation]]]:
    _readings[name] = ()

    def read(_: CallbackOptions) -> Iterable[Observation]:
        for reading in _readings[name]:
            for value, attributes in reading():
                yield Observation(value, attributes)

    return [read]


# --- Plans ---------------------------------------------------------------------------
plans_applied = _meter.create_counter(
    "sheetanchor.frontend.plans.applied",
    unit="{plan}",
    description="Generations verified, kept on disk and served, by cell",
)
plans_refused = _meter.create_counter(
    "sheetanchor.frontend.plans.refused",
    unit="{plan}",
    description="Generations refused while the one before is served, by cell and rule",
)
plans_ignored = _meter.create_counter(
    "sheetanchor.frontend.plans.ignored",
    unit="{plan}",
    description="Steps of no use: older than, or the same as, what is known, by cell and reason",
)
resyncs = _meter.create_counter(
    "sheetanchor.frontend.resyncs",
    unit="{resync}",
    description="Whole generations asked for, since the chain could not be followed, by reason",
)
apply_duration = _meter.create_histogram(
    "sheetanchor.frontend.apply.duration",
    unit="s",
    description="Time from a generation's arrival until answers come from it",
)
probes = _meter.create_counter(
    "sheetanchor.frontend.probes",
    unit="{probe}",
    description="Connections tried by a frontend that probes, by what was seen (well, refused, "
    "timeout, nothing)",
)
PROBES_DISBELIEVED = "sheetanchor.frontend.probes.disbelieved"
_meter.create_observable_gauge(
    PROBES_DISBELIEVED,
    _shown(PROBES_DISBELIEVED),
    unit="{cell}",
    description="1 while the cell's registry does not believe this frontend's probes (it is in "
    "quarantine as an observer), else 0; only of a frontend that probes",
)
rehearsals = _meter.create_counter(
    "sheetanchor.frontend.rehearsals",
    unit="{rehearsal}",
    description="Times that a canary tried a staged change, by verdict (ok, failed)",
)
PLAN_AGE = "sheetanchor.frontend.plan.age"
_meter.create_observable_gauge(
    PLAN_AGE,
    _shown(PLAN_AGE),
    unit="s",
    description="Time since the served generation was last known to be the head, by cell",
)
GENERATION = "sheetanchor.frontend.generation"
_meter.create_observable_gauge(
    GENERATION,
    _shown(GENERATION),
    unit="{generation}",
    description="The generation served, by cell",
)
CELLS_REFUSING = "sheetanchor.frontend.cell.refusing"
_meter.create_observable_gauge(
    CELLS_REFUSING,
    _shown(CELLS_REFUSING),
    unit="{cell}",
    description="1 while the cell's newest generation is refused, else 0",
)
CELLS_PINNED = "sheetanchor.frontend.cell.pinned"
_meter.create_observable_gauge(
    CELLS_PINNED,
    _shown(CELLS_PINNED),
    unit="{cell}",
    description="1 while an operator's pin decides what is served of the cell, else 0",
)
NAMES_HELD = "sheetanchor.frontend.names.held"
_meter.create_observable_gauge(
    NAMES_HELD,
    _shown(NAMES_HELD),
    unit="{name}",
    description="Names that the cell lost or emptied without a deletion, answered as before",
)
REMOVALS_HELD = "sheetanchor.frontend.removals.held"
_meter.create_observable_gauge(
    REMOVALS_HELD,
    _shown(REMOVALS_HELD),
    unit="{endpoint}",
    description="Endpoints that the frontend itself keeps in the answers for a while, by cell and "
    "reason; alert on any",
)

SERVICES_READY = "sheetanchor.frontend.services.ready"
_meter.create_observable_gauge(
    SERVICES_READY,
    _shown(SERVICES_READY),
    unit="{service}",
    description="Services by whether the frontend's own region would be answered healthy endpoints "
    "of a region in good standing if the one that answers now were lost; all are gone through, 64 "
    "a second",
)

# --- Feed ----------------------------------------------------------------------------
CONNECTED = "sheetanchor.frontend.feed.connected"
_meter.create_observable_gauge(
    CONNECTED,
    _shown(CONNECTED),
    unit="{stream}",
    description="1 while a registry cluster's stream is heard, else 0",
)
feed_failures = _meter.create_counter(
    "sheetanchor.frontend.feed.failures",
    unit="{failure}",
    description="Streams that ended or could not be opened, by cluster and reason",
)

# --- Last known good -----------------------------------------------------------------
DISK_FAILING = "sheetanchor.frontend.disk.failing"
_meter.create_observable_gauge(
    DISK_FAILING,
    _shown(DISK_FAILING),
    unit="{disk}",
    description="1 while the last known good cannot be written, else 0",
)
disk_failures = _meter.create_counter(
    "sheetanchor.frontend.disk.failures",
    unit="{failure}",
    description="Writes of the last known good that failed or took too long",
)
disk_damages = _meter.create_counter(
    "sheetanchor.frontend.disk.damages",
    unit="{damage}",
    description="Files of the last known good found damaged at start, by kind of damage",
)
goods_kept = _meter.create_counter(
    "sheetanchor.frontend.goods.kept",
    unit="{plan}",
    description="Generations that proved themselves and were kept as known good, by cell",
)
disk_duration = _meter.create_histogram(
    "sheetanchor.frontend.disk.duration",
    unit="s",
    description="Time to make a group of generations durable",
)

# --- Answers -------------------------------------------------------------------------
QUERIES = "sheetanchor.frontend.queries"
_meter.create_observable_counter(
    QUERIES,
    _shown(QUERIES),
    unit="{message}",
    description="DNS messages received, by transport",
)
REPLIES = "sheetanchor.frontend.replies"
_meter.create_observable_counter(
    REPLIES,
    _shown(REPLIES),
    unit="{message}",
    description="DNS messages sent, by code",
)
SERVED = "sheetanchor.frontend.answers"
_meter.create_observable_counter(
    SERVED,
    _shown(SERVED),
    unit="{answer}",
    description="Positive answers for services, by the mode that they were served in",
)
TRUNCATED = "sheetanchor.frontend.replies.truncated"
_meter.create_observable_counter(
    TRUNCATED,
    _shown(TRUNCATED),
    unit="{message}",
    description="Replies over UDP that did not fit, and told the client to use TCP",
)
DROPPED = "sheetanchor.frontend.queries.dropped"
_meter.create_observable_counter(
    DROPPED,
    _shown(DROPPED),
    unit="{message}",
    description="Messages that were not replied to, by reason",
)
SLIPPED = "sheetanchor.frontend.queries.slipped"
_meter.create_observable_counter(
    SLIPPED,
    _shown(SLIPPED),
    unit="{message}",
    description="Queries over the rate of their network that were told to come back over TCP",
)
ANSWER_ERRORS = "sheetanchor.frontend.answer.errors"
_meter.create_observable_counter(
    ANSWER_ERRORS,
    _shown(ANSWER_ERRORS),
    unit="{error}",
    description="Failures to receive or send, and mistakes of ours, by kind",
)
WORKERS = "sheetanchor.frontend.workers"
_meter.create_observable_gauge(
    WORKERS,
    _shown(WORKERS),
    unit="{process}",
    description="Processes that answer, the first one included",
)
WORKER_ENDS = "sheetanchor.frontend.workers.ended"
_meter.create_observable_counter(
    WORKER_ENDS,
    _shown(WORKER_ENDS),
    unit="{process}",
    description="Workers that ended while they were wanted; each is started again",
)
WORKER_RESYNCS = "sheetanchor.frontend.workers.resyncs"
_meter.create_observable_counter(
    WORKER_RESYNCS,
    _shown(WORKER_RESYNCS),
    unit="{resync}",
    description="Times that a worker was told all again, since it could not follow",
)
TCP_CONNECTIONS = "sheetanchor.frontend.tcp.connections"
_meter.create_observable_gauge(
    TCP_CONNECTIONS,
    _shown(TCP_CONNECTIONS),
    unit="{connection}",
    description="TCP connections open now",
)
TCP_ENDED = "sheetanchor.frontend.tcp.ended"
_meter.create_observable_counter(
    TCP_ENDED,
    _shown(TCP_ENDED),
    unit="{connection}",
    description="TCP connections that we ended, by reason",
)

_propagator = TraceContextTextMapPropagator()


def context_of(traceparent: str) -> context.Context:
    """The context to start a child of `traceparent` in; an empty context for garbage."""
    return _propagator.extract({"traceparent": traceparent}, context.Context())


def metadata_of(at: context.Context | None) -> tuple[tuple[str, str], ...]:
    """The W3C trace context of `at` as call metadata; nothing when nothing is traced."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier, at)
    return tuple(carrier.items())
