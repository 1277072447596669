"""What would be answered if a region lost all its endpoints: asked of live state, changing none.

The same ledgers and the same choice as when answers are made, from the same entries; only
the health of one region's endpoints is another. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from dns_frontend.plan.answer import scope
from dns_frontend.plan.entry import Endpoint, Health, ServiceEntry, ServiceKey
from dns_frontend.plan.facet import ANY
from dns_frontend.plan.failover import Choice, ServingMode, choose
from dns_frontend.plan.ledger import Ledger
from dns_frontend.plan.ranking import Ranking
from dns_frontend.plan.rehearsal import Said


@dataclass(frozen=True, slots=True)
class Sight:
    """Who answers, and in what mode."""

    mode: ServingMode
    regions: tuple[tuple[str, int], ...]
    """Each region that answers, and with how many endpoints; none: nothing is answered."""

    def __str__(self) -> str:
        parts = ", ".join(f"{region} ({count})" for region, count in self.regions)
        return f"{parts or 'nothing'} {self.mode.value.upper()}"


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One service, asked for by clients of one region, now and then."""

    key: ServiceKey
    view: str
    now: Sight
    then: Sight

    @property
    def harmed(self) -> bool:
        """Whether clients would have no healthy endpoint, and have one now."""
        return _is_well(self.now) and not _is_well(self.then)


def foresee(
    said: Mapping[ServiceKey, Sequence[Said]], lost: str, regions: Sequence[str]
) -> list[Foreseen]:
    """What clients of each of `regions`, which are in failover order, would be answered.

    Both are judged afresh, as by a frontend that begins now: no region is kept in or out by
    what it was a moment ago.
    """
    found = []
    for key in sorted(said):
        for view in regions:
            now = _sight(key, said[key], view, regions)
            after = [each._replace(entry=_without(each, lost)) for each in said[key]]
            found.append(Foreseen(key, view, now, _sight(key, after, view, regions)))
    return found


def _without(said: Said, lost: str) -> ServiceEntry:
    # endpoints that refuse: strong evidence, which no budget of a name holds
    if said.region != lost:
        return said.entry
    return replace(said.entry, endpoints=tuple(map(_dead, said.entry.endpoints)))


def _dead(endpoint: Endpoint) -> Endpoint:
    if endpoint.health is Health.UNKNOWN:
        return endpoint
    return replace(endpoint, health=Health.UNHEALTHY, evidence="refused", hold="")


def _sight(key: ServiceKey, said: Iterable[Said], view: str, regions: Sequence[str]) -> Sight:
    ledger = Ledger(key, Ranking(view, tuple(regions)))
    for each in said:
        ledger.put(each.cell, each.region, each.entry, 0.0)
    asked = scope(ledger, view, "", regions)
    choice = choose(asked.home, asked.tiers, ANY, asked.policy)
    return Sight(choice.mode, _regions(choice))


def _regions(choice: Choice) -> tuple[tuple[str, int], ...]:
    parts = ((choice.region, choice.endpoints), *choice.beside)
    return tuple((region, len(endpoints)) for region, endpoints in parts if endpoints)


def _is_well(sight: Sight) -> bool:
    return bool(sight.regions) and sight.mode is not ServingMode.FAIL_OPEN
