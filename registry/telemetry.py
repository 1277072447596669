"""Every metric and span name of the registry, in one list.

Only the OpenTelemetry API is used here: without a configured SDK all of this costs
next to nothing and records nothing. `registry.domain` never counts; what it decides
is counted by the code that carries it out.

Rule: one instrument a line, the unit in the instrument (UCUM), attributes of few
values only (never an instance, a service or an address).
"""

from __future__ import annotations

from contextvars import Token

from opentelemetry import context, metrics, trace
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, use_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

SCOPE = "sheetanchor.registry"

tracer = trace.get_tracer(SCOPE)
_meter = metrics.get_meter(SCOPE)

# --- RPC -----------------------------------------------------------------------------
rpc_duration = _meter.create_histogram(
    "sheetanchor.registry.rpc.duration",
    unit="s",
    description="Time to answer a unary RPC, by method and status code",
)
rpc_bugs = _meter.create_counter(
    "sheetanchor.registry.rpc.bugs",
    unit="{error}",
    description="Exceptions that no table foresaw, answered INTERNAL; each is logged with an id",
)
streams = _meter.create_up_down_counter(
    "sheetanchor.registry.rpc.streams",
    unit="{stream}",
    description="Streams open now, by method",
)
streams_ended = _meter.create_counter(
    "sheetanchor.registry.rpc.streams.ended",
    unit="{stream}",
    description="Streams ended, by method and status code",
)

# --- Registrations and leases --------------------------------------------------------
operations = _meter.create_counter(
    "sheetanchor.registry.operations",
    unit="{operation}",
    description="Operations decided by the store, by kind and outcome",
)
commit_duration = _meter.create_histogram(
    "sheetanchor.registry.commit.duration",
    unit="s",
    description="Time of one group commit of operations",
)
commit_size = _meter.create_histogram(
    "sheetanchor.registry.commit.size",
    unit="{operation}",
    description="Operations in one group commit",
)
renewals = _meter.create_counter(
    "sheetanchor.registry.renewals", unit="{renewal}", description="Leases renewed durably"
)
renewals_refused = _meter.create_counter(
    "sheetanchor.registry.renewals.refused",
    unit="{renewal}",
    description="Renewals refused, by reason",
)
renewal_group_duration = _meter.create_histogram(
    "sheetanchor.registry.renewal_group.duration",
    unit="s",
    description="Time of one group commit of renewals",
)
leases_expired = _meter.create_counter(
    "sheetanchor.registry.leases.expired", unit="{lease}", description="Leases that ran out"
)
leases_overdue = _meter.create_gauge(
    "sheetanchor.registry.leases.overdue",
    unit="{lease}",
    description="Leases that ended while their instances answer probes, by cell",
)
outages = _meter.create_counter(
    "sheetanchor.registry.outages",
    unit="{outage}",
    description="Times in which leases did not age, by cause (suspended, store)",
)

# --- Mirror --------------------------------------------------------------------------
mirror_revision = _meter.create_gauge(
    "sheetanchor.registry.mirror.revision",
    unit="{revision}",
    description="The revision that this node's copy has reached",
)
mirror_reloads = _meter.create_counter(
    "sheetanchor.registry.mirror.reloads",
    unit="{reload}",
    description="Times that the copy was read whole, since history was compacted or had a gap",
)
notices_listening = _meter.create_gauge(
    "sheetanchor.registry.notices.listening",
    unit="{connection}",
    description="1 while PostgreSQL tells this node of other nodes' commits at once, else 0",
)
notices_heard = _meter.create_counter(
    "sheetanchor.registry.notices.heard",
    unit="{notice}",
    description="Notices of other nodes' commits, by topic",
)

# --- Health --------------------------------------------------------------------------
probes = _meter.create_counter(
    "sheetanchor.registry.probes", unit="{probe}", description="Probes made, by evidence"
)
probe_duration = _meter.create_histogram(
    "sheetanchor.registry.probe.duration", unit="s", description="Time of one probe"
)
health_changes = _meter.create_counter(
    "sheetanchor.registry.health.changes",
    unit="{change}",
    description="Changes of an instance's health, by cell, health and evidence",
)
services_ready = _meter.create_gauge(
    "sheetanchor.registry.services.ready",
    unit="{service}",
    description="Services with instances in a cell by whether it could answer for other regions",
)
removals_held = _meter.create_gauge(
    "sheetanchor.registry.removals.held",
    unit="{endpoint}",
    description="Unhealthy endpoints that stay in the answers, by cell and reason",
)
endpoints_omitted = _meter.create_gauge(
    "sheetanchor.registry.endpoints.omitted",
    unit="{endpoint}",
    description="Endpoints left out of plans, their services being too large, by cell",
)
velocity_breaches = _meter.create_counter(
    "sheetanchor.registry.velocity.breaches",
    unit="{breach}",
    description="Times that a cell began to hold removals, by cell; alert on this",
)
observers = _meter.create_gauge(
    "sheetanchor.registry.observers",
    unit="{observer}",
    description="Observers of a cell that its leader hears, by cell and state (believed, "
    "quarantined)",
)
observer_quarantines = _meter.create_counter(
    "sheetanchor.registry.observer.quarantines",
    unit="{quarantine}",
    description="Times that an observer of a cell was found blind, by cell",
)

# --- Publication ---------------------------------------------------------------------
leading = _meter.create_gauge(
    "sheetanchor.registry.cell.leading",
    unit="{cell}",
    description="1 while this node leads the cell, else 0",
)
generation = _meter.create_gauge(
    "sheetanchor.registry.cell.generation",
    unit="{generation}",
    description="The head of the cell as this node knows it",
)
plans_published = _meter.create_counter(
    "sheetanchor.registry.plans.published", unit="{plan}", description="Plans published, by cell"
)
plans_refused = _meter.create_counter(
    "sheetanchor.registry.plans.refused",
    unit="{refusal}",
    description="Plans or entries refused by the guard, by cell and rule",
)
publications_lost = _meter.create_counter(
    "sheetanchor.registry.publications.lost",
    unit="{publication}",
    description="Publications that lost the compare-and-set of the head, by cell",
)
plans_deleted = _meter.create_counter(
    "sheetanchor.registry.plans.deleted",
    unit="{plan}",
    description="Plans that nobody could reach any more, deleted by clean-up, by cell",
)
rollbacks = _meter.create_counter(
    "sheetanchor.registry.rollbacks",
    unit="{rollback}",
    description="Rollbacks that operators asked for, by cell",
)
frozen = _meter.create_gauge(
    "sheetanchor.registry.cell.frozen",
    unit="{cell}",
    description="1 while the cell's automation is stopped, by the freeze file or an operator",
)
plan_duration = _meter.create_histogram(
    "sheetanchor.registry.plan.duration", unit="s", description="Time to plan and guard one step"
)
publish_duration = _meter.create_histogram(
    "sheetanchor.registry.publish.duration", unit="s", description="Time to publish one plan"
)
stages_ended = _meter.create_counter(
    "sheetanchor.registry.stages.ended",
    unit="{change}",
    description="Staged changes of a policy that ended, by outcome (promoted, rolled_back)",
)
frontend_lag = _meter.create_gauge(
    "sheetanchor.registry.frontend.lag",
    unit="{generation}",
    description="Generations that a frontend is behind the head, by frontend and cell",
)
frontend_refusals = _meter.create_counter(
    "sheetanchor.registry.frontend.refusals",
    unit="{refusal}",
    description="Generations that a frontend refused, by frontend and cell",
)

# --- Process -------------------------------------------------------------------------
task_restarts = _meter.create_counter(
    "sheetanchor.registry.task.restarts",
    unit="{restart}",
    description="Background tasks that died and were started again, by task",
)

leave = context.detach
_propagator = TraceContextTextMapPropagator()


def enter(span: Span) -> Token[context.Context]:
    """Make a span the current one; `leave` takes what this returns."""
    return context.attach(trace.set_span_in_context(span))


def traceparent_of(span: Span) -> str:
    """The W3C `traceparent` of a span; empty when nothing is traced."""
    at = span.get_span_context()
    if not at.is_valid:
        return ""
    return f"00-{at.trace_id:032x}-{at.span_id:016x}-{int(at.trace_flags):02x}"


def context_of(traceparent: str) -> context.Context:
    """The context to start a child of `traceparent` in; an empty context for garbage."""
    return _propagator.extract({"traceparent": traceparent}, context.Context())


def links_to(traceparents: list[str]) -> list[Link]:
    """Links to the spans of `traceparents`, leaving out what is no traceparent."""
    spans = (span_context_of(text) for text in traceparents)
    return [Link(at) for at in spans if at.is_valid]


def span_context_of(traceparent: str) -> SpanContext:
    """The span context that `traceparent` names; an invalid one for garbage."""
    return trace.get_current_span(context_of(traceparent)).get_span_context()


__all__ = [
    "Link",
    "SpanKind",
    "context_of",
    "enter",
    "leave",
    "links_to",
    "span_context_of",
    "traceparent_of",
    "tracer",
    "use_span",
]
