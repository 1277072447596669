"""Who probes the endpoints of a cell, and what each finds (I14)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from registry.adapters.store.cells import check_fence
from registry.adapters.store.database import Transaction
from registry.domain.health import Evidence
from registry.domain.names import CellName, Incarnation, RegionName
from registry.domain.observation import Findings, ObserverId
from registry.domain.observer import ObserverRecord, ObserverReport, Quarantine
from registry.domain.operation import Fence

_NONE_YET = Findings(0, {}, complete=False)
_LONGEST_ROUND_SECONDS = 86_400.0
"""Nobody who takes longer has a word that is fresh."""


def observe(tx: Transaction, report: ObserverReport) -> Quarantine:
    """Keep an observer's last word; a first one without findings says nothing on anything.

    Returns what the cell's leader last made of it.
    """
    findings = _encode(report.findings or _NONE_YET)
    tx.run(
        "INSERT INTO observers (cell, observer, region, beat, version, findings, seen_ms,"
        " quarantine_ms, why) VALUES (?, ?, ?, ?, ?, ?, ?, 0, '') ON CONFLICT (cell, observer)"
        " DO UPDATE SET region = excluded.region, beat = observers.beat + 1,"
        " seen_ms = excluded.seen_ms"
        + (
            ""
            if report.findings is None
            else ", version = observers.version + 1, findings = excluded.findings"
        ),
        report.cell,
        report.observer,
        report.region,
        # So that one which comes back after it was forgotten is not taken for what it was.
        report.time_ms,
        report.time_ms,
        findings,
        report.time_ms,
    )
    row = tx.run(
        "SELECT quarantine_ms, why FROM observers WHERE cell = ? AND observer = ?",
        report.cell,
        report.observer,
    ).one()
    return Quarantine(row[0], row[1])


def observers(
    tx: Transaction, cell: CellName, known: Mapping[ObserverId, int]
) -> Sequence[ObserverRecord]:
    """The observers of a cell, by id; findings only where the version is another."""
    rows = tx.run(
        "SELECT observer, region, beat, version, seen_ms, quarantine_ms, why FROM observers"
        " WHERE cell = ? ORDER BY observer",
        cell,
    ).all()
    wanted = [row[0] for row in rows if known.get(ObserverId(row[0])) != row[3]]
    bodies = {
        observer: tx.run(
            "SELECT findings FROM observers WHERE cell = ? AND observer = ?", cell, observer
        ).scalar_one()
        for observer in wanted
    }
    return [
        ObserverRecord(
            cell,
            ObserverId(row[0]),
            RegionName(row[1]),
            row[2],
            row[3],
            _decode(bodies[row[0]]) if row[0] in bodies else None,
            row[4],
            row[5],
            row[6],
        )
        for row in rows
    ]


def judge(
    tx: Transaction,
    fence: Fence,
    quarantines: Mapping[ObserverId, Quarantine],
    gone: Sequence[ObserverId],
) -> None:
    """Keep whom the leader believes, and forget those that are gone. Raises LeadershipLost."""
    check_fence(tx, fence)
    tx.run_many(
        "UPDATE observers SET quarantine_ms = ?, why = ? WHERE cell = ? AND observer = ?",
        [(each.since_ms, each.why, fence.cell, observer) for observer, each in quarantines.items()],
    )
    tx.run_many(
        "DELETE FROM observers WHERE cell = ? AND observer = ?",
        [(fence.cell, observer) for observer in gone],
    )


def _encode(findings: Findings) -> bytes:
    by_kind: dict[str, list[str]] = {}
    for incarnation, evidence in findings.failing.items():
        by_kind.setdefault(evidence.value, []).append(incarnation)
    return json.dumps(
        {
            "targets": findings.targets,
            "failing": by_kind,
            "complete": findings.complete,
            "round_seconds": findings.round_seconds,
            "connects_only": findings.connects_only,
        },
        separators=(",", ":"),
    ).encode()


def _decode(body: object) -> Findings:
    try:
        read = json.loads(bytes(body))  # type: ignore[call-overload]  # what is no octets is a TypeError
        round_seconds = float(read["round_seconds"])
        if not 0.0 <= round_seconds <= _LONGEST_ROUND_SECONDS:  # NaN is not, either
            raise ValueError("a round of no length that there is")
        return Findings(
            int(read["targets"]),
            {
                Incarnation(incarnation): Evidence(kind)
                for kind, incarnations in read["failing"].items()
                for incarnation in incarnations
            },
            bool(read["complete"]),
            round_seconds,
            bool(read["connects_only"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        # Garbage, or of a later version: it has no words, and hurts nothing else (I11).
        return _NONE_YET
