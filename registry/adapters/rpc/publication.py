"""PublicationService: plans go to frontends, and their word on them comes back."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing

from grpc.aio import ServicerContext

from registry.adapters.rpc.translate.frontend import ROLE
from registry.adapters.rpc.translate.observer import findings_of, observations_response
from registry.adapters.rpc.translate.plan import plan_event_message
from registry.adapters.rpc.translate.resource_name import service_key
from registry.app.audit import Audit
from registry.app.canaries import Canaries
from registry.app.frontends import Frontends
from registry.app.observers import Observers
from registry.app.plan_event import Position
from registry.app.plan_feed import PlanFeed
from registry.domain.audit import Act, Deed
from registry.domain.complaints import Complaints, shown
from registry.domain.frontend_record import HeldNames
from registry.domain.names import CellName, Epoch, FrontendId, Generation, RegionName
from registry.domain.observation import ObserverId
from registry.domain.observer import ObserverReport
from registry.domain.role import Role
from registry.domain.stage_report import StageReport
from registry.ports import (
    Acknowledgement,
    Clock,
)
from sheetanchor.v1 import frontend_pb2
from sheetanchor.v1 import publication_service_pb2 as pb
from sheetanchor.v1.publication_service_pb2_grpc import PublicationServiceServicer

FRONTEND_ID = re.compile(r"[a-z0-9.-]{1,63}", re.ASCII)
POSITION_LIMIT = 1000
"""Positions that one watch may begin from."""
REFUSAL_LIMIT = 512
HELD_LIMIT = 20
"""Held services told one by one; the others are counted."""
HELD_NAME = re.compile(r"namespaces/[a-z][a-z0-9-]{0,62}/services/[a-z][a-z0-9-]{0,62}", re.ASCII)
UID_LIMIT = 64
ACT_UID = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
ACTOR_LIMIT = 256
DIGEST_OCTETS = 64
LAST_SECOND = 253_402_300_799
"""The last that a Timestamp can say."""
_ACT_READ = {
    pb.ReportBreakGlassRequest.ACT_PIN: Act.BREAK_GLASS_PIN,
    pb.ReportBreakGlassRequest.ACT_LIFT: Act.BREAK_GLASS_LIFT,
}
_Verdict = pb.AcknowledgePlanRequest.Verdict
_StageVerdict = pb.ReportStageRequest.Verdict
_ROLE_READ = {
    frontend_pb2.Frontend.ROLE_UNSPECIFIED: Role.SERVING,
    **{sent: role for role, sent in ROLE.items()},
}


class PublicationService(PublicationServiceServicer):
    """Translates; `PlanFeed`, `Frontends`, `Canaries`, `Audit` and `Observers` do the work."""

    def __init__(
        self,
        feed: PlanFeed,
        frontends: Frontends,
        canaries: Canaries,
        audit: Audit,
        observers: Observers,
        clock: Clock,
    ) -> None:
        self._feed = feed
        self._frontends = frontends
        self._canaries = canaries
        self._audit = audit
        self._observers = observers
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
        role = _ROLE_READ.get(request.role)
        if role is None:
            complaints.add("role", f"is {request.role}, which this registry does not know")
        complaints.check()
        assert role is not None, "complained of"
        frontend = FrontendId(request.frontend_id)
        self._canaries.introduce(frontend, RegionName(request.region), role)
        have = [
            Position(
                CellName(position.cell),
                Epoch(position.epoch),
                Generation(position.generation),
                position.digest,
            )
            for position in request.have
        ]
        events = self._feed.watch(frontend, have)
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
        held = _held(request.held, complaints)
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
                held=held,
            )
        )
        return pb.AcknowledgePlanResponse()

    async def ReportStage(
        self, request: pb.ReportStageRequest, context: ServicerContext
    ) -> pb.ReportStageResponse:
        """Take a canary's word on a staged change."""
        complaints = Complaints()
        _check_frontend(request.frontend_id, None, complaints)
        complaints.label("cell", request.cell)
        if not 1 <= len(request.stage_uid) <= UID_LIMIT:
            complaints.add("stage_uid", f"must be 1 to {UID_LIMIT} characters")
        match request.verdict:
            case _StageVerdict.VERDICT_OK:
                fault = ""
            case _StageVerdict.VERDICT_FAILED:
                fault = request.reason[:REFUSAL_LIMIT]
                if not fault:
                    complaints.add("reason", "is required when the verdict is FAILED")
            case other:
                fault = ""
                complaints.add("verdict", f"must be OK or FAILED, is {other}")
        complaints.check()
        await self._canaries.report(
            CellName(request.cell),
            StageReport(
                FrontendId(request.frontend_id),
                service_key(request.service, "service"),
                request.stage_uid,
                fault,
            ),
        )
        return pb.ReportStageResponse()

    async def ReportObservations(
        self, request: pb.ReportObservationsRequest, context: ServicerContext
    ) -> pb.ReportObservationsResponse:
        """Take what a frontend finds by probes of its own."""
        complaints = Complaints()
        _check_frontend(request.frontend_id, request.region, complaints)
        complaints.label("cell", request.cell)
        findings = None
        if request.HasField("observations"):
            findings = findings_of(request.observations, "observations", complaints)
        complaints.check()
        made_of_it = await self._observers.report(
            ObserverReport(
                CellName(request.cell),
                ObserverId(f"frontend.{request.frontend_id}"),
                RegionName(request.region),
                findings,
                self._clock.unix_ms(),
            )
        )
        return observations_response(made_of_it)

    async def ReportBreakGlass(
        self, request: pb.ReportBreakGlassRequest, context: ServicerContext
    ) -> pb.ReportBreakGlassResponse:
        """Take down what was done to a frontend by hand."""
        complaints = Complaints()
        _check_frontend(request.frontend_id, None, complaints)
        if not ACT_UID.fullmatch(request.act_uid):
            complaints.add("act_uid", "must be 1 to 64 characters of [A-Za-z0-9-]")
        complaints.label("cell", request.cell)
        act = _ACT_READ.get(request.act)
        if act is None:
            complaints.add("act", f"must be PIN or LIFT, is {request.act}")
        for field, text in (("actor", request.actor), ("reason", request.reason)):
            if not text.strip():
                complaints.add(field, "is required: others will ask")
        if not request.HasField("act_time"):
            complaints.add("act_time", "is required")
        elif not 0 <= request.act_time.seconds <= LAST_SECOND:
            complaints.add("act_time", "must be from 1970 to 9999")
        if request.generation < 0:
            complaints.add("generation", f"must not be negative, is {request.generation}")
        if len(request.digest) > DIGEST_OCTETS:
            complaints.add("digest", f"must be at most {DIGEST_OCTETS} octets")
        complaints.check()
        assert act is not None, "complained of"
        frontend = FrontendId(request.frontend_id)
        deed = Deed(
            uid="",
            act=act,
            subject=f"frontends/{frontend}",
            actor=request.actor[:ACTOR_LIMIT],
            reason=request.reason[:REFUSAL_LIMIT],
            time_ms=request.act_time.ToMilliseconds(),
            cell=request.cell,
            detail=request.file[:REFUSAL_LIMIT],
            generation=request.generation,
            digest=request.digest,
        )
        await self._audit.tell(frontend, request.act_uid, deed)
        return pb.ReportBreakGlassResponse()


def _check_frontend(frontend_id: str, region: str | None, complaints: Complaints) -> None:
    if not FRONTEND_ID.fullmatch(frontend_id):
        complaints.add(
            "frontend_id", f"must be 1 to 63 characters of [a-z0-9.-]; is {shown(frontend_id)}"
        )
    # a frontend may stand in a region that this registry owns no cell of
    if region is not None:
        complaints.label("region", region)


def _held(message: frontend_pb2.HeldNames, complaints: Complaints) -> HeldNames:
    if message.service_count < 0:
        complaints.add("held.service_count", f"must not be negative, is {message.service_count}")
    if len(message.services) > HELD_LIMIT:
        complaints.add(
            "held.services", f"must be {HELD_LIMIT} at most, are {len(message.services)}"
        )
    for number, name in enumerate(message.services[:HELD_LIMIT]):
        if not HELD_NAME.fullmatch(name):
            complaints.add(
                f"held.services[{number}]",
                f"must be namespaces/NAMESPACE/services/SERVICE; is {shown(name)}",
            )
    return HeldNames(message.service_count, tuple(message.services), message.reason[:REFUSAL_LIMIT])


def _check_numbers(epoch: int, generation: int, prefix: str, complaints: Complaints) -> None:
    if epoch < 0:
        complaints.add(f"{prefix}epoch", f"must not be negative, is {epoch}")
    if generation < 0:
        complaints.add(f"{prefix}generation", f"must not be negative, is {generation}")
