"""Observers of a cell to their message, and what frontends find from theirs."""

from __future__ import annotations

from registry.adapters.rpc.translate.moment import timestamp
from registry.domain.complaints import Complaints
from registry.domain.health import Evidence
from registry.domain.names import Incarnation
from registry.domain.observation import FINDINGS_LIMIT, LIFETIME_SECONDS, Findings
from registry.domain.observer import ObserverRecord, Quarantine
from sheetanchor.v1 import instance_pb2, publication_service_pb2
from sheetanchor.v1 import observer_pb2 as pb

UID_LIMIT = 64
LONGEST_ROUND_SECONDS = 600.0
_FOUND = {
    instance_pb2.EVIDENCE_UNSPECIFIED: Evidence.NONE,
    instance_pb2.EVIDENCE_REFUSED: Evidence.REFUSED,
    instance_pb2.EVIDENCE_TIMEOUT: Evidence.TIMEOUT,
}


def observer_message(observer: ObserverRecord, unix_ms: int) -> pb.Observer:
    """An observer as the API shows it; its silence is told by the wall clock, for people."""
    failing = [] if observer.findings is None else list(observer.findings.failing.values())
    unseen = failing.count(Evidence.NONE)
    return pb.Observer(
        name=f"cells/{observer.cell}/observers/{observer.observer}",
        region=observer.region,
        state=_state(observer, unix_ms),
        quarantine_time=timestamp(observer.quarantine_ms) if observer.quarantine_ms else None,
        reason=observer.why,
        target_count=0 if observer.findings is None else observer.findings.targets,
        failing_count=len(failing) - unseen,
        unseen_count=unseen,
        seen_time=timestamp(observer.seen_ms),
    )


# _state
#
#   heard of lately  in quarantine  tells all  state
#   ---------------  -------------  ---------  ------------
#   no               any            any        SILENT
#   yes              yes            any        QUARANTINED
#   yes              no             no         OVERWHELMED
#   yes              no             yes        BELIEVED
def _state(observer: ObserverRecord, unix_ms: int) -> pb.Observer.State:
    if unix_ms - observer.seen_ms > LIFETIME_SECONDS * 1000:
        return pb.Observer.STATE_SILENT
    if observer.quarantine_ms:
        return pb.Observer.STATE_QUARANTINED
    if observer.findings is None or not observer.findings.complete:
        return pb.Observer.STATE_OVERWHELMED
    return pb.Observer.STATE_BELIEVED


def observations_response(
    quarantine: Quarantine,
) -> publication_service_pb2.ReportObservationsResponse:
    """What an observer is told of what its words are worth."""
    if not quarantine.since_ms:
        return publication_service_pb2.ReportObservationsResponse()
    return publication_service_pb2.ReportObservationsResponse(
        quarantine_time=timestamp(quarantine.since_ms), reason=quarantine.why
    )


def findings_of(
    sent: publication_service_pb2.Observations, path: str, complaints: Complaints
) -> Findings | None:
    """What a frontend finds; None, with a complaint, when it cannot be meant."""
    round_seconds = sent.round.seconds + sent.round.nanos / 1e9
    if not 0.0 < round_seconds <= LONGEST_ROUND_SECONDS:
        complaints.add(
            f"{path}.round",
            f"must be above 0 and at most {LONGEST_ROUND_SECONDS:g} s, is {round_seconds:g} s",
        )
    if sent.target_count < 0:
        complaints.add(f"{path}.target_count", f"must not be negative, is {sent.target_count}")
    if len(sent.findings) > FINDINGS_LIMIT:
        complaints.add(
            f"{path}.findings",
            f"must be at most {FINDINGS_LIMIT}, are {len(sent.findings)}; set `truncated`",
        )
        return None
    failing: dict[Incarnation, Evidence] = {}
    for at, finding in enumerate(sent.findings):
        evidence = _FOUND.get(finding.evidence)
        if not 1 <= len(finding.uid) <= UID_LIMIT:
            complaints.add(f"{path}.findings[{at}].uid", f"must be 1 to {UID_LIMIT} characters")
        elif evidence is None:
            complaints.add(
                f"{path}.findings[{at}].evidence",
                f"must be REFUSED, TIMEOUT or unset, is {finding.evidence}",
            )
        else:
            failing[Incarnation(finding.uid)] = evidence
    return Findings(
        sent.target_count,
        failing,
        complete=not sent.truncated,
        round_seconds=round_seconds,
        connects_only=True,
    )
