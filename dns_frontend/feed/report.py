"""What a frontend tells its registries beyond the generations it applied."""

from __future__ import annotations

import logging
from typing import Any

from google.protobuf.duration_pb2 import Duration

from dns_frontend.config import FrontendSettings
from dns_frontend.feed.canary import StageReport
from dns_frontend.feed.observer import Quarantine, SightReport
from dns_frontend.plan.sight import Seen
from sheetanchor.client.errors import SheetanchorError, mapped
from sheetanchor.v1 import instance_pb2
from sheetanchor.v1 import publication_service_pb2 as messages

log = logging.getLogger(__name__)

TELL_TIMEOUT_SECONDS = 5.0
REASON_CHARACTERS = 512
_StageVerdict = messages.ReportStageRequest.Verdict
_EVIDENCE = {
    Seen.NOTHING: instance_pb2.EVIDENCE_UNSPECIFIED,
    Seen.REFUSED: instance_pb2.EVIDENCE_REFUSED,
    Seen.TIMEOUT: instance_pb2.EVIDENCE_TIMEOUT,
}


async def tell_stage(
    stub: Any, registry: str, settings: FrontendSettings, report: StageReport
) -> None:
    """Say how a staged change does. A word that is lost is said again by and by.

    `registry` is the address that `stub` speaks to, for what is told of failures.
    """
    namespace, service = report.service
    request = messages.ReportStageRequest(
        frontend_id=settings.frontend_id,
        cell=report.cell,
        service=f"namespaces/{namespace}/services/{service}",
        stage_uid=report.uid,
        verdict=_StageVerdict.VERDICT_FAILED if report.fault else _StageVerdict.VERDICT_OK,
        reason=report.fault[:REASON_CHARACTERS],
    )
    try:
        # The follower may close the stub's channel meanwhile, which gRPC tells as a cancellation:
        # taken for one, it would end the caller's loop, and nobody would start that again.
        with mapped(registry):
            await stub.ReportStage(request, timeout=TELL_TIMEOUT_SECONDS)
    except SheetanchorError as error:
        log.warning(
            "a registry took no report on a staged change",
            extra={"cell": report.cell, "error": error.message},
        )


async def tell_sight(
    stub: Any, registry: str, settings: FrontendSettings, report: SightReport
) -> Quarantine | None:
    """Say what this frontend sees of a cell; what the registry makes of it, if it took it."""
    request = messages.ReportObservationsRequest(
        frontend_id=settings.frontend_id, region=settings.region, cell=report.cell
    )
    if report.findings is not None:
        request.observations.CopyFrom(
            messages.Observations(
                target_count=report.targets,
                findings=[
                    messages.Finding(uid=uid, evidence=_EVIDENCE[seen])
                    for uid, seen in report.findings.items()
                ],
                truncated=report.truncated,
                round=Duration(
                    seconds=int(report.round_seconds),
                    nanos=int(report.round_seconds % 1 * 1_000_000_000),
                ),
            )
        )
    try:
        with mapped(registry):  # as above
            answer = await stub.ReportObservations(request, timeout=TELL_TIMEOUT_SECONDS)
    except SheetanchorError as error:
        log.info(
            "a registry took no report of what is seen",
            extra={"cell": report.cell, "error": error.message},
        )
        return None
    if not answer.HasField("quarantine_time"):
        return Quarantine()
    return Quarantine(answer.quarantine_time.ToMilliseconds(), answer.reason)
