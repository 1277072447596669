"""Observers of a cell, from the domain to their message."""

from __future__ import annotations

from registry.adapters.rpc.translate.moment import timestamp
from registry.domain.health import Evidence
from registry.domain.observation import LIFETIME_SECONDS
from registry.domain.observer import ObserverRecord
from sheetanchor.v1 import observer_pb2 as pb


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
