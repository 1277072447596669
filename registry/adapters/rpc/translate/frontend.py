"""Frontends, from the domain to their message."""

from __future__ import annotations

from registry.adapters.rpc.translate.moment import timestamp
from registry.domain.frontend_record import HeldNames
from registry.domain.role import Role
from registry.ports import FrontendRecord
from sheetanchor.v1 import frontend_pb2 as pb

ROLE = {Role.SERVING: pb.Frontend.ROLE_SERVING, Role.CANARY: pb.Frontend.ROLE_CANARY}


def held_message(held: HeldNames) -> pb.HeldNames | None:
    """What a frontend holds; None when that is nothing."""
    if not held.count:
        return None
    return pb.HeldNames(service_count=held.count, services=held.services, reason=held.reason)


def frontend_message(frontend: FrontendRecord) -> pb.Frontend:
    """A frontend as the API shows it."""
    return pb.Frontend(
        name=f"frontends/{frontend.id}",
        region=frontend.region,
        cells=[
            pb.FrontendCell(
                cell=said.cell,
                epoch=said.epoch,
                generation=said.generation,
                refused_generation=said.refused_generation,
                refusal=said.refusal,
                update_time=timestamp(said.time_ms),
                held=held_message(said.held),
            )
            for said in frontend.cells
        ],
        seen_time=timestamp(frontend.seen_ms),
        role=ROLE[frontend.role],
    )
