"""Plans and the events of their chains, from the domain to their messages."""

from __future__ import annotations

from typing import assert_never

from registry.adapters.rpc.plan_codec import ProtoPlanCodec, hold_message
from registry.adapters.rpc.translate.instance import EVIDENCE, HEALTH
from registry.adapters.rpc.translate.moment import timestamp
from registry.app.catalog import HeldRemoval
from registry.app.plan_event import BasePart, Checkpoint, DeltaStep, PlanEvent
from registry.domain.plan import PlanRecord, ServicePlan
from sheetanchor.v1 import admin_service_pb2, plan_pb2
from sheetanchor.v1 import publication_service_pb2 as pb

_codec = ProtoPlanCodec()


def plan_message(record: PlanRecord) -> plan_pb2.Plan:
    """A plan as the API shows it, without its entries."""
    return plan_pb2.Plan(
        name=f"cells/{record.cell}/plans/{record.generation}",
        cell=record.cell,
        generation=record.generation,
        parent_generation=record.parent_generation,
        epoch=record.epoch,
        digest=record.digest,
        service_count=record.service_count,
        endpoint_count=record.endpoint_count,
        revision=record.revision,
        create_time=timestamp(record.create_time_ms),
        traceparent=record.traceparent,
    )


def service_plan_message(plan: ServicePlan) -> plan_pb2.ServicePlan:
    """One service of a plan. The octets that are hashed are the codec's, never this one's."""
    return plan_pb2.ServicePlan.FromString(_codec.encode(plan))


def held_removal_message(held: HeldRemoval) -> admin_service_pb2.HeldRemoval:
    """A held removal as the API shows it."""
    endpoint = held.endpoint
    return admin_service_pb2.HeldRemoval(
        name=str(held.key),
        uid=endpoint.incarnation,
        cell=held.cell,
        health=HEALTH[endpoint.health],
        evidence=EVIDENCE[endpoint.evidence],
        hold=None if endpoint.hold is None else hold_message(endpoint.hold),
    )


def plan_event_message(event: PlanEvent) -> pb.WatchPlansResponse:
    """One step of a watch of plan chains."""
    match event:
        case BasePart():
            return pb.WatchPlansResponse(
                cell=event.cell,
                base=pb.PlanBase(
                    plan=plan_message(event.record),
                    region=event.region,
                    entries=[plan_pb2.PlanEntry(key=k, body=b) for k, b in event.entries],
                    complete=event.complete,
                ),
            )
        case DeltaStep():
            return pb.WatchPlansResponse(
                cell=event.cell,
                delta=pb.PlanDelta(
                    plan=plan_message(event.record),
                    region=event.region,
                    changed=[plan_pb2.PlanEntry(key=k, body=b) for k, b in event.changed.items()],
                    removed=event.removed,
                ),
            )
        case Checkpoint():
            return pb.WatchPlansResponse(
                cell=event.cell,
                checkpoint=pb.PlanCheckpoint(
                    generation=event.generation,
                    epoch=event.epoch,
                    checkpoint_time=timestamp(event.time_ms),
                ),
            )
        case _:
            assert_never(event)
