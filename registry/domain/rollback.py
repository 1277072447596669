"""What is published when an operator goes back to an older generation (I1, I7, I21).

It is a new generation, above the head, with the old content; but no rollback empties a
name by accident: one that has come into being since, or has endpoints where it had none,
stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from registry.domain.cell_plan import Entry
from registry.domain.diversion import Span
from registry.domain.names import Generation
from registry.domain.planner import is_servable
from registry.domain.preview import shown_first
from registry.domain.quantity import counted, verb


# restored_entries
#
#   the name now           in the old generation         restored as
#   ---------------------  ----------------------------  ------------------
#   any                    not understood                it is now
#   something servable     nothing servable, or absent   it is now (I7)
#   nothing servable       absent                        it is now
#   any                    else                          it was then
def restored_entries(
    now: Mapping[str, Entry], then: Mapping[str, Entry]
) -> Mapping[str, Entry | None]:
    """What changes when the content goes from `now` back to `then`; nothing is removed."""
    changed: dict[str, Entry | None] = {}
    for key, old in then.items():
        current = now.get(key)
        if old.plan is None or (current is not None and current.body == old.body):
            continue
        if _is_servable(current) and not _is_servable(old):
            continue
        changed[key] = old
    return changed


def _is_servable(entry: Entry | None) -> bool:
    return (
        entry is not None and entry.plan is not None and any(map(is_servable, entry.plan.endpoints))
    )


@dataclass(frozen=True, slots=True)
class Turnover:
    """What a rollback does to endpoints, in numbers."""

    gone: int = 0
    come: int = 0
    changed: int = 0
    """In both, and not the same: health, address, or another registration."""
    stay: int = 0

    def __add__(self, other: Turnover) -> Turnover:
        return Turnover(
            self.gone + other.gone,
            self.come + other.come,
            self.changed + other.changed,
            self.stay + other.stay,
        )

    def __str__(self) -> str:
        return (
            f"{counted(self.gone, 'endpoint')} {verb(self.gone, 'go')}, "
            f"{self.come} {verb(self.come, 'come')}, "
            f"{self.changed} {verb(self.changed, 'change')}, "
            f"{self.stay} {verb(self.stay, 'stay')}"
        )


def turnover(now: Entry | None, after: Entry | None) -> Turnover:
    """From one content of a service to another; what is not understood has no endpoints."""
    before, then = _endpoints(now), _endpoints(after)
    both = before.keys() & then.keys()
    same = sum(before[each] == then[each] for each in both)
    return Turnover(len(before) - len(both), len(then) - len(both), len(both) - same, same)


def rollback_effects(
    now: Mapping[str, Entry], then: Mapping[str, Entry], generation: Generation, now_ms: int
) -> tuple[str, ...]:
    """What going back from `now` to `then`, the content of `generation`, does at `now_ms`, a
    sentence each: to all, to each service that is restored, and why others are not."""
    changed = restored_entries(now, then)
    moves = {key: turnover(now.get(key), entry) for key, entry in changed.items()}
    unmoved = (turnover(entry, entry) for key, entry in now.items() if key not in changed)
    total = sum((*moves.values(), *unmoved), Turnover())
    staying = sum(entry.is_live for key, entry in now.items() if key not in changed)
    kept = [f"{key}: stays as it is: {why}" for key, why in _kept(now, then, generation)]
    return (
        f"{counted(len(changed), 'service')} {verb(len(changed), 'go')} back, "
        f"{staying} {verb(staying, 'stay')}; {total}",
        *shown_first(
            [
                f"{key}: as it was then: {moves[key]}{_turned(now.get(key), changed[key], now_ms)}"
                for key in sorted(changed)
            ],
            "services that go back",
        ),
        *shown_first(kept, "services that stay as they are"),
    )


# _turned
#
#   its clients are sent elsewhere now   in the old generation   said
#   ----------------------------------   ---------------------   ----------------------------
#   no                                   no, or it is over       nothing
#   until some time                      until the same          nothing
#   until some time                      no, or it is over       they are sent nowhere else
#   no, or until another time            until some time         they are sent elsewhere again
def _turned(now: Entry | None, then: Entry | None, now_ms: int) -> str:
    before, after = _diversion(now, now_ms), _diversion(then, now_ms)
    if before == after:
        return ""
    return "; it is diverted no more" if after is None else "; it is diverted as it was then"


def _diversion(entry: Entry | None, now_ms: int) -> Span | None:
    span = None if entry is None or entry.plan is None else entry.plan.diversion
    return None if span is None or span.end_time_ms <= now_ms else span


# _kept: the rows of restored_entries that are not as they were then
def _kept(
    now: Mapping[str, Entry], then: Mapping[str, Entry], generation: Generation
) -> Iterator[tuple[str, str]]:
    for key in sorted(now):
        old = then.get(key)
        if old is None and not now[key].is_live:
            continue
        if old is None:
            yield key, f"{generation} does not have it"
        elif old.body == now[key].body:
            continue
        elif old.plan is None:
            yield key, f"what {generation} says of it cannot be read"
        elif _is_servable(now[key]) and not _is_servable(old):
            yield key, f"{generation} would leave it without an endpoint"


def _endpoints(entry: Entry | None) -> dict[str, object]:
    if entry is None or entry.plan is None:
        return {}
    return {each.instance: each for each in entry.plan.endpoints}
