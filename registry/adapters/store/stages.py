"""Which frontends are canaries, and what they said of staged changes (I19)."""

from __future__ import annotations

from collections.abc import Sequence

from registry.adapters.store.database import Transaction
from registry.domain.names import FrontendId, NamespaceId, RegionName, ServiceId, ServiceKey
from registry.domain.role import Role
from registry.domain.stage_report import StageReport, StageWord


def note_role(
    tx: Transaction, frontend: FrontendId, region: RegionName, role: Role, now_ms: int
) -> None:
    """Keep what a frontend is for; one that serves, as nearly all do, costs no row."""
    if role is not Role.CANARY:
        tx.run("DELETE FROM canaries WHERE frontend = ?", frontend)
        return
    tx.run(
        "INSERT INTO frontends (id, region, seen_ms) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE"
        " SET region = excluded.region, seen_ms = CASE WHEN excluded.seen_ms > frontends.seen_ms"
        " THEN excluded.seen_ms ELSE frontends.seen_ms END",
        frontend,
        region,
        now_ms,
    )
    tx.run("INSERT INTO canaries (frontend) VALUES (?) ON CONFLICT DO NOTHING", frontend)


def canaries(tx: Transaction) -> set[FrontendId]:
    """The frontends that are canaries."""
    return {FrontendId(id_) for (id_,) in tx.run("SELECT frontend FROM canaries")}


def report(tx: Transaction, word: StageReport) -> None:
    """Keep a canary's last word on a service's stage. A fault is never taken back."""
    tx.run(
        "INSERT INTO stage_reports (namespace, service, frontend, stage, fault, words)"
        " VALUES (?, ?, ?, ?, ?, 1) ON CONFLICT (namespace, service, frontend) DO UPDATE SET"
        " stage = excluded.stage,"
        " fault = CASE WHEN stage_reports.stage = excluded.stage AND stage_reports.fault <> ''"
        " THEN stage_reports.fault ELSE excluded.fault END,"
        " words = CASE WHEN stage_reports.stage = excluded.stage"
        " THEN stage_reports.words + 1 ELSE 1 END",
        *word.service,
        word.frontend,
        word.stage_uid,
        word.fault.replace("\0", " "),  # PostgreSQL's text cannot hold it
    )


def reports(tx: Transaction) -> Sequence[StageWord]:
    """The last word of each canary on each service's stage."""
    return [
        StageWord(
            StageReport(
                FrontendId(row[2]),
                ServiceKey(NamespaceId(row[0]), ServiceId(row[1])),
                row[3],
                row[4],
            ),
            row[5],
        )
        for row in tx.run(
            "SELECT namespace, service, frontend, stage, fault, words FROM stage_reports"
            " ORDER BY namespace, service, frontend"
        )
    ]


def forget(tx: Transaction, service: ServiceKey, staged_uid: str) -> None:
    """Drop what was said of any stage of the service but this one."""
    tx.run(
        "DELETE FROM stage_reports WHERE namespace = ? AND service = ? AND stage <> ?",
        *service,
        staged_uid,
    )
