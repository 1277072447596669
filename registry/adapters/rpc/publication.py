"""PublicationService: plans go to frontends, and their word on them comes back."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing

from grpc.aio import ServicerContext

from registry.adapters.rpc.translate.plan import plan_event_message
from registry.app.frontends import Frontends
from registry.app.plan_event import Position
from registry.app.plan_feed import PlanFeed
from registry.domain.complaints import Complaints, shown
from registry.domain.names import CellName, Epoch, FrontendId, Generation, RegionName
from registry.ports import Acknowledgement, Clock
from sheetanchor.v1 import publication_service_pb2 as pb
from sheetanchor.v1.publication_service_pb2_grpc import PublicationServiceServicer

FRONTEND_ID = re.compile(r"[a-z0-9.-]{1,63}", re.ASCII)
POSITION_LIMIT = 1000
"""Positions that one watch may begin from."""
REFUSAL_LIMIT = 512
_Verdict = pb.AcknowledgePlanRequest.Verdict


class PublicationService(PublicationServiceServicer):
    """Translates; `PlanFeed` and `Frontends` do the work."""

    def __init__(self, feed: PlanFeed, frontends: Frontends, clock: Clock) -> None:
        self._feed = feed
        self._frontends = frontends
        self._clock = clock

    async def WatchPlans(
        self, request: pb.WatchPlansRequest, context: ServicerContext
    ) -> AsyncGenerator[pb.WatchPlansResponse, None]:
        """Follow the plan chains of this registry's cells."""
        complaints = Complaints()
        _check_frontend(request.frontend_id, request.region, complaints)
        if len(request.have) > POSITION_LIMIT:
            complaints.add("have", f"must be at most {POSITION_LIMIT}, are {len(request.have)}")
        else:
            for at, position in enumerate(request.have):
                path = f"have[{at}]"
                complaints.label(f"{path}.cell", position.cell)
                _check_numbers(position.epoch, position.generation, f"{path}.", complaints)
        complaints.check()
        have = [
            Position(
                CellName(position.cell),
                Epoch(position.epoch),
                Generation(position.generation),
                position.digest,
            )
            for position in request.have
        ]
        events = self._feed.watch(FrontendId(request.frontend_id), have)
        async with aclosing(events):
            async for event in events:
                yield plan_event_message(event)

    async def AcknowledgePlan(
        self, request: pb.AcknowledgePlanRequest, context: ServicerContext
    ) -> pb.AcknowledgePlanResponse:
        """Take a frontend's word on a generation."""
        complaints = Complaints()
        _check_frontend(request.frontend_id, request.region, complaints)
        complaints.label("cell", request.cell)
        _check_numbers(request.epoch, request.generation, "", complaints)
        match request.verdict:
            case _Verdict.VERDICT_APPLIED:
                refusal = ""
            case _Verdict.VERDICT_REFUSED:
                refusal = request.refusal[:REFUSAL_LIMIT]
                if not refusal:
                    complaints.add("refusal", "is required when the verdict is REFUSED")
            case other:
                refusal = ""
                complaints.add("verdict", f"must be APPLIED or REFUSED, is {other}")
        complaints.check()
        await self._frontends.acknowledge(
            Acknowledgement(
                frontend=FrontendId(request.frontend_id),
                region=RegionName(request.region),
                cell=CellName(request.cell),
                epoch=Epoch(request.epoch),
                generation=Generation(request.generation),
                refusal=refusal,
                time_ms=self._clock.unix_ms(),
            )
        )
        return pb.AcknowledgePlanResponse()


def _check_frontend(frontend_id: str, region: str, complaints: Complaints) -> None:
    if not FRONTEND_ID.fullmatch(frontend_id):
        complaints.add(
            "frontend_id", f"must be 1 to 63 characters of [a-z0-9.-]; is {shown(frontend_id)}"
        )
    # a frontend may stand in a region that this registry owns no cell of
    complaints.label("region", region)


def _check_numbers(epoch: int, generation: int, prefix: str, complaints: Complaints) -> None:
    if epoch < 0:
        complaints.add(f"{prefix}epoch", f"must not be negative, is {epoch}")
    if generation < 0:
        complaints.add(f"{prefix}generation", f"must not be negative, is {generation}")
