"""The modules that decide whether and where an endpoint is served, and the tests of each.

`make mutants` changes them in small ways; the house rules see to it that each function named
here has its truth table above it, or in it.
"""

from __future__ import annotations

from dataclasses import dataclass

_REGISTRY = "tests/unit/registry/domain/test_"
_FRONTEND = "tests/unit/dns_frontend/plan/test_frontend_"


@dataclass(frozen=True, slots=True)
class Decider:
    """One module that decides."""

    tests: tuple[str, ...]
    tables: tuple[str, ...]
    """Its functions that are truth tables."""


DECIDERS: dict[str, Decider] = {
    # health
    "registry/domain/health.py": Decider(
        (f"{_REGISTRY}health_step.py",), ("step", "heard", "worst_of")
    ),
    "registry/domain/damping.py": Decider((f"{_REGISTRY}damping.py",), ("observe", "release")),
    "registry/domain/slow_start.py": Decider((f"{_REGISTRY}slow_start.py",), ("share", "weights")),
    "registry/domain/bucket.py": Decider((f"{_REGISTRY}bucket.py",), ("take",)),
    "registry/domain/haste.py": Decider((f"{_REGISTRY}haste.py",), ("size",)),
    "registry/domain/promptness.py": Decider((f"{_REGISTRY}promptness.py",), ()),
    "registry/domain/leases.py": Decider(
        (f"{_REGISTRY}registry_leases.py", f"{_REGISTRY}lease_promises.py"), ("end_seconds",)
    ),
    "registry/domain/overdue.py": Decider((f"{_REGISTRY}overdue.py",), ("must_expire",)),
    "registry/domain/availability.py": Decider(
        (f"{_REGISTRY}registry_availability.py",), ("step",)
    ),
    "registry/domain/quorum.py": Decider(
        (f"{_REGISTRY}quorum.py",), ("verdict", "agreed", "ruled")
    ),
    "registry/domain/quarantine.py": Decider(
        (f"{_REGISTRY}quarantine.py",), ("step", "may_conclude")
    ),
    "registry/domain/tenancy.py": Decider(
        (f"{_REGISTRY}tenancy.py",), ("put", "is_reserved", "admitted")
    ),
    "registry/domain/admission.py": Decider((f"{_REGISTRY}admission.py",), ("_place",)),
    "registry/domain/succession.py": Decider((f"{_REGISTRY}succession.py",), ("replaced",)),
    "dns_frontend/plan/sight.py": Decider((f"{_FRONTEND}sight.py",), ("form", "worst_of")),
    "dns_frontend/plan/living.py": Decider((f"{_FRONTEND}living.py",), ("prefer_living",)),
    # removals
    "registry/domain/velocity.py": Decider((f"{_REGISTRY}velocity.py",), ("grade_of", "ask")),
    "registry/domain/protection.py": Decider((f"{_REGISTRY}protection.py",), ("protect", "_hold")),
    "registry/domain/track.py": Decider((f"{_REGISTRY}track.py",), ("elapsed_seconds",)),
    "dns_frontend/plan/velocity.py": Decider(
        (f"{_FRONTEND}velocity.py",), ("leaving", "is_over", "restrain")
    ),
    "dns_frontend/plan/holding.py": Decider((f"{_FRONTEND}holding.py",), ("held_over", "mended")),
    "dns_frontend/plan/probation.py": Decider((f"{_FRONTEND}probation.py",), ("soak", "begin")),
    # publication
    "registry/domain/planner.py": Decider(
        (f"{_REGISTRY}planner.py", f"{_REGISTRY}succession.py"),
        ("plan_service", "plan_missing", "_held"),
    ),
    "registry/domain/guard.py": Decider((f"{_REGISTRY}registry_guard.py",), ("_entry_finding",)),
    "registry/domain/room.py": Decider(
        (f"{_REGISTRY}room.py", f"{_REGISTRY}occupancy.py"), ("refusal",)
    ),
    "dns_frontend/plan/guard.py": Decider((f"{_FRONTEND}guard.py",), ("judge", "is_emptied")),
    "registry/domain/head.py": Decider((f"{_REGISTRY}publication_tables.py",), ("judge_move",)),
    "registry/domain/leadership.py": Decider(
        (f"{_REGISTRY}publication_tables.py",), ("decide_lead",)
    ),
    "registry/domain/gc.py": Decider((f"{_REGISTRY}publication_tables.py",), ("reason_to_keep",)),
    "registry/domain/floor.py": Decider((f"{_REGISTRY}preview.py",), ("lowered_floors",)),
    "registry/domain/preview.py": Decider((f"{_REGISTRY}preview.py",), ("is_confirmed",)),
    "registry/domain/stage.py": Decider((f"{_REGISTRY}stage.py",), ("step",)),
    "registry/domain/zone_admission.py": Decider((f"{_REGISTRY}zone_settings.py",), ("_networks",)),
    "registry/domain/occupancy.py": Decider((f"{_REGISTRY}occupancy.py",), ()),
    "registry/domain/tally.py": Decider((f"{_REGISTRY}tally.py",), ()),
    "registry/domain/service_edit.py": Decider(
        (f"{_REGISTRY}service_edit.py", f"{_REGISTRY}stage_edit.py", f"{_REGISTRY}preview.py"), ()
    ),
    "registry/domain/rest.py": Decider((f"{_REGISTRY}rest.py",), ("commit_rest", "publish_rest")),
    "registry/domain/rollback.py": Decider((f"{_REGISTRY}rollback.py",), ("restored_entries",)),
    # failover
    "registry/domain/readiness.py": Decider((f"{_REGISTRY}readiness.py",), ("stands_in",)),
    "registry/domain/diversion.py": Decider((f"{_REGISTRY}diversion.py",), ("diverted",)),
    "dns_frontend/plan/standing.py": Decider(
        (f"{_FRONTEND}standing.py", f"{_FRONTEND}diversion.py"), ("step",)
    ),
    "dns_frontend/plan/capacity.py": Decider(
        (f"{_FRONTEND}capacity.py", f"{_FRONTEND}ramp.py"), ("shares", "limits")
    ),
    "dns_frontend/plan/ramp.py": Decider((f"{_FRONTEND}ramp.py",), ("step",)),
    "dns_frontend/plan/diversion.py": Decider((f"{_FRONTEND}diversion.py",), ("until",)),
    "dns_frontend/plan/ledger.py": Decider((f"{_FRONTEND}ledger.py", f"{_FRONTEND}ttl.py"), ()),
    "dns_frontend/plan/lifetime.py": Decider(
        (f"{_FRONTEND}lifetime.py", f"{_FRONTEND}ttl.py"), ("ebb",)
    ),
    "dns_frontend/plan/tier.py": Decider((f"{_FRONTEND}tier.py",), ("tier_of",)),
    "dns_frontend/plan/foresight.py": Decider((f"{_FRONTEND}foresight.py",), ()),
    "dns_frontend/plan/failover.py": Decider(
        (f"{_FRONTEND}failover.py", f"{_FRONTEND}ramp.py", f"{_FRONTEND}diversion.py"),
        ("choose", "_spilled", "_all_down"),
    ),
}
