"""Events of a watch of services and instances, from the domain to their messages."""

from __future__ import annotations

from typing import assert_never

from registry.adapters.rpc.translate.instance import instance_message
from registry.adapters.rpc.translate.service import service_message
from registry.app.service_event import ChangeBatch, Checkpoint, ServiceEvent, SnapshotPart
from registry.domain.change import (
    Change,
    InstancePut,
    InstanceRemoved,
    ServicePut,
    ServiceRemoved,
)
from sheetanchor.v1 import discovery_service_pb2 as pb


def service_event_message(event: ServiceEvent) -> pb.WatchServicesResponse:
    """One step of a watch."""
    match event:
        case SnapshotPart():
            return pb.WatchServicesResponse(
                revision=event.revision,
                snapshot=pb.WatchServicesResponse.Snapshot(
                    services=[service_message(service) for service in event.services],
                    instances=[instance_message(instance) for instance in event.instances],
                    complete=event.complete,
                ),
            )
        case ChangeBatch():
            return pb.WatchServicesResponse(
                revision=event.revision,
                changes=pb.WatchServicesResponse.Changes(
                    changes=[_change_message(change) for change in event.changes]
                ),
            )
        case Checkpoint():
            return pb.WatchServicesResponse(
                revision=event.revision, checkpoint=pb.WatchServicesResponse.Checkpoint()
            )
        case _:
            assert_never(event)


def _change_message(change: Change) -> pb.Change:
    match change:
        case InstancePut():
            return pb.Change(revision=change.revision, instance=instance_message(change.instance))
        case InstanceRemoved():
            return pb.Change(revision=change.revision, removed_instance=str(change.key))
        case ServicePut():
            return pb.Change(revision=change.revision, service=service_message(change.service))
        case ServiceRemoved():
            return pb.Change(revision=change.revision, removed_service=str(change.service.key))
        case _:
            assert_never(change)
