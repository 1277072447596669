"""The page that `make mutants ARGS="--write"` writes, and why those that live may."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs/reference/mutants.md"
GOAL = 0.9

_HAIR = "differs only where floats are exactly a rounding apart"

REASONS: dict[str, dict[str, str]] = {
    "registry/domain/damping.py": {
        "observe: penalty / REUSE -> penalty * REUSE": "REUSE is 1",
    },
    "registry/domain/leases.py": {
        "__init__: 0 -> 1": "any seed will do",
        "end_seconds: 4294967295 -> 4294967296": _HAIR,
        "_tidy: len(heap) > 2 * self._counts[cell] + 64"
        " -> len(heap) >= 2 * self._counts[cell] + 64": "memory is tidied one removal earlier",
    },
    "registry/domain/protection.py": {
        "protect: answered.keys() <= healthy -> answered.keys() < healthy": (
            "a short cut: the way round comes to the same, later"
        ),
    },
    "registry/domain/tenancy.py": {
        "_leave: left > since -> left >= since": "what is put in so is forgotten two lines below",
    },
    "registry/domain/admission.py": {
        "BATCH_LIMIT: 100 -> 101": "judged, and tested, where batches come in",
        "Draft.weight: 0 -> 1": "unset is 1",
        "LONGEST_SERVICE_NAME: 2 -> 3": "longer ones are refused all the same, a little later",
        "LONGEST_SERVICE_NAME: 63 -> 64": "longer ones are refused all the same, a little later",
        "_service_key_of: 4096 -> 4097": "only memory",
        "_service_key_of: 5 -> 6": "more than four parts are too many, however many they are",
        "admit: 1 -> 2": "of an unset weight: any within its span will do there",
        "admit_addresses: return () -> return None": "the complaint refuses all of it",
    },
    "registry/domain/planner.py": {
        "_weighed: slow_start <= 0.0 -> slow_start < 0.0": (
            "a short cut: the way round comes to the same, later"
        ),
    },
    "registry/domain/guard.py": {
        "_step_finding: now > last -> now >= last": (
            "a step never gets so large: what would make it so is kept back"
        ),
    },
    "registry/domain/zone_admission.py": {
        "_networks: return () -> return None": "the complaint refuses all of it",
    },
    "registry/domain/readiness.py": {
        "stands_in: healthy + _ROUNDING >= policy.enter_threshold * counted"
        " -> healthy + _ROUNDING > policy.enter_threshold * counted": _HAIR,
    },
    "dns_frontend/plan/standing.py": {
        "_reaches: tally.healthy + _ROUNDING >= threshold * tally.counted"
        " -> tally.healthy + _ROUNDING > threshold * tally.counted": _HAIR,
    },
    "dns_frontend/plan/capacity.py": {
        "shares: excess <= _ROUNDING * load -> excess < _ROUNDING * load": _HAIR,
        "shares: left > _ROUNDING -> left >= _ROUNDING": _HAIR,
        "shares: taken > _ROUNDING * load -> taken >= _ROUNDING * load": _HAIR,
        "shares: _ROUNDING * load -> _ROUNDING / load": "a rounding of another size is one too",
    },
    "dns_frontend/plan/ramp.py": {
        "step: lost - at_once - stepped <= _ROUNDING"
        " -> lost - at_once - stepped < _ROUNDING": _HAIR,
        "step: stepped > _ROUNDING -> stepped >= _ROUNDING": _HAIR,
        "step: part > _ROUNDING -> part >= _ROUNDING": _HAIR,
        "step: part > wanted.get(r, 0.0) -> part >= wanted.get(r, 0.0)": (
            "a region that has what it ought to have loses nothing either way"
        ),
    },
    "dns_frontend/plan/guard.py": {
        "_grown: 64 -> 65": "by then every size is allowed anyhow",
    },
    "dns_frontend/plan/velocity.py": {
        "loss_of: sum(map(is_answered, after.endpoints)) >= level"
        " -> sum(map(is_answered, after.endpoints)) > level": (
            "a short cut: what additions make up for is no loss either way"
        ),
        "is_over: 0 -> 1": "who loses one had one",
    },
    "dns_frontend/plan/foresight.py": {
        "_sight: 0.0 -> 1.0": "any one moment will do: both are judged afresh at it",
    },
}
"""By module, of each mutant that lives: why no test can, or need, tell it from the module."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of the mutants of one module."""

    path: str
    count: int
    alive: tuple[str, ...]

    @property
    def killed(self) -> int:
        """How many the tests noticed."""
        return self.count - len(self.alive)

    @property
    def is_good(self) -> bool:
        """Whether enough were killed, and of the others it is known why they live."""
        return self.killed >= GOAL * self.count and all(map(self.reason, self.alive))

    def reason(self, name: str) -> str:
        """Why a mutant may live; empty when nobody knows."""
        return REASONS.get(self.path, {}).get(name, "")


def page(results: Sequence[Result]) -> str:
    """The whole page."""
    killed, count = sum(each.killed for each in results), sum(each.count for each in results)
    lines = [
        "# Mutants of what decides",
        "",
        'Written by `make mutants ARGS="--write"`. Each function that decides whether and where an',
        "endpoint is served is a truth table with the function right below it. A mutant is one of",
        "their modules with one small thing changed: a comparison, an operator, a constant, a",
        "condition negated, a returned value. It is killed if a test of the module fails by it.",
        f"The goal is {GOAL:.0%} of each module.",
        "",
        "| module | mutants | killed | |",
        "|---|---|---|---|",
        *(
            f"| `{each.path}` | {each.count} | {each.killed} | {each.killed / each.count:.1%} |"
            for each in results
        ),
        f"| all | {count} | {killed} | {killed / count:.1%} |",
        "",
        "## Those that live, and why they may",
        "",
        "| module | mutant | why |",
        "|---|---|---|",
        *(
            f"| `{Path(each.path).stem}` | `{_cell(name)}` | {each.reason(name) or '?'} |"
            for each in results
            for name in each.alive
        ),
    ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
