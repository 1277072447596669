"""Audit entries, from the domain to their message."""

from __future__ import annotations

from typing import Final

from registry.adapters.rpc.translate.moment import timestamp
from registry.domain.audit import Act, AuditEntry
from sheetanchor.v1 import audit_entry_pb2 as pb

ACT: Final = {
    Act.BREAK_GLASS_PIN: pb.AuditEntry.ACT_BREAK_GLASS_PIN,
    Act.BREAK_GLASS_LIFT: pb.AuditEntry.ACT_BREAK_GLASS_LIFT,
    Act.ROLL_BACK: pb.AuditEntry.ACT_ROLL_BACK,
    Act.FREEZE: pb.AuditEntry.ACT_FREEZE,
    Act.UNFREEZE: pb.AuditEntry.ACT_UNFREEZE,
    Act.PIN_PLAN: pb.AuditEntry.ACT_PIN_PLAN,
    Act.UNPIN_PLAN: pb.AuditEntry.ACT_UNPIN_PLAN,
    Act.DELETE_SERVICE: pb.AuditEntry.ACT_DELETE_SERVICE,
    Act.UPDATE_SERVICE: pb.AuditEntry.ACT_UPDATE_SERVICE,
    Act.DECIDE_REMOVAL: pb.AuditEntry.ACT_DECIDE_REMOVAL,
    Act.DIVERT_SERVICE: pb.AuditEntry.ACT_DIVERT_SERVICE,
    Act.UPDATE_ZONE: pb.AuditEntry.ACT_UPDATE_ZONE,
    Act.UNKNOWN: pb.AuditEntry.ACT_UNSPECIFIED,
}


def audit_entry_message(entry: AuditEntry) -> pb.AuditEntry:
    """An entry as the API shows it."""
    deed = entry.deed
    return pb.AuditEntry(
        name=f"auditEntries/{deed.uid}",
        act=ACT[deed.act],
        subject=deed.subject,
        cell=deed.cell,
        frontend=deed.frontend,
        actor=deed.actor,
        reason=deed.reason,
        detail=deed.detail,
        generation=deed.generation,
        digest=deed.digest,
        act_time=timestamp(deed.time_ms),
        receive_time=timestamp(entry.receive_time_ms),
    )
