"""How a staged policy does on a canary, compared with the one in force (I19). Pure.

Two ledgers are made from the same entries, one by the policy in force and one by the staged
one, and both judged afresh: what differs between their answers is the policy's doing, not
that of a failing region. They are made as a frontend in the staging cell's own region makes
its own, since it is there that the policy decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from dns_frontend.plan.answer import (
    TTL_MAXIMUM_SECONDS,
    TTL_MINIMUM_SECONDS,
    Composer,
    RecordType,
    facet_of,
)
from dns_frontend.plan.entry import Endpoint, Health, Protocol, ServiceEntry, ServiceKey
from dns_frontend.plan.failover import ServingMode, choose
from dns_frontend.plan.ledger import Ledger
from dns_frontend.plan.ranking import Ranking
from dns_frontend.plan.role import Role
from dns_frontend.plan.zone import Kind, Place

TYPES = (RecordType.A, RecordType.AAAA, RecordType.SRV)
SAMPLE = 4
"""Endpoints of an answer that are connected to."""
TARGETS_MAXIMUM = 16
"""Connections that one rehearsal makes."""


class Target(NamedTuple):
    """Where a client of an answer would connect."""

    address: str
    port: int


class Said(NamedTuple):
    """What one cell says of the service."""

    cell: str
    region: str
    entry: ServiceEntry


@dataclass(frozen=True, slots=True)
class Seen:
    """An answer that is not empty."""

    mode: ServingMode
    ttl_seconds: int
    targets: tuple[Target, ...]
    """The first of its endpoints that listen on TCP."""


@dataclass(frozen=True, slots=True)
class Look:
    """One question, answered by either policy; None: nothing."""

    view: str
    type: RecordType
    in_force: Seen | None
    staged: Seen | None


def acted_on(entry: ServiceEntry, role: Role) -> ServiceEntry:
    """What a frontend of this role makes of an entry.

    role     staged                       entry
    SERVING  any                          by the policy in force
    CANARY   none                         as it is
    CANARY   a policy                     by the staged policy
    CANARY   scale_to_zero, entry held    the same, and without what is held: the registry
                                          holds it by the policy in force alone
    """
    stage = entry.staged
    if stage is None:
        return entry
    if role is not Role.CANARY:
        return replace(entry, staged=None)
    if entry.held and stage.policy is not None and stage.policy.scale_to_zero:
        waiting = tuple(e for e in entry.endpoints if e.health is Health.UNKNOWN)
        return replace(entry, policy=stage.policy, endpoints=waiting, held=False)
    return replace(entry, policy=stage.policy)


def rehearse(
    key: ServiceKey, said: Sequence[Said], uid: str, composer: Composer, regions: tuple[str, ...]
) -> list[Look]:
    """The answers of a service in all views, by the policy in force and by the stage `uid`."""
    staging = next(each.region for each in said if _is_of(each.entry, uid))
    ranking = Ranking(staging, regions)
    in_force, staged = Ledger(key, ranking), Ledger(key, ranking)
    for cell, region, entry in said:
        settled = acted_on(entry, Role.SERVING)
        in_force.put(cell, region, settled, 0.0)
        tried = acted_on(entry, Role.CANARY) if _is_of(entry, uid) else settled
        staged.put(cell, region, tried, 0.0)
    views = dict.fromkeys((staging, *regions))
    return [
        Look(
            view,
            kind,
            seen_by(in_force, composer, view, kind),
            seen_by(staged, composer, view, kind),
        )
        for view in views
        for kind in TYPES
    ]


def targets_of(looks: Iterable[Look]) -> list[Target]:
    """Where to connect, for `fault_of`; at most so many."""
    found: dict[Target, None] = {}
    for look in looks:
        for seen in (look.staged, look.in_force):
            found |= dict.fromkeys(seen.targets if seen is not None else ())
    return list(found)[:TARGETS_MAXIMUM]


def fault_of(looks: Iterable[Look], accepted: Mapping[Target, bool]) -> str:
    """What the staged policy does worse than the one in force; empty when nothing.

    `accepted` says of targets that were tried whether they took a connection.
    """
    for look in looks:
        if fault := _fault(look, accepted):
            return f"{look.type.name} for clients in {look.view}: {fault}"
    return ""


def _fault(look: Look, accepted: Mapping[Target, bool]) -> str:
    # in force   staged     more                                        fault
    # any        answered   TTL not 5 to 60 s (I30)                     yes
    # answered   empty      -                                           yes (I7)
    # answered   answered   FAIL_OPEN, and in force was not             yes
    # answered   answered   less than half of those tried take          yes
    #                       connections, and a smaller share than
    #                       in force
    # any        any        else                                        no
    before, after = look.in_force, look.staged
    if after is not None and not TTL_MINIMUM_SECONDS <= after.ttl_seconds <= TTL_MAXIMUM_SECONDS:
        return f"its TTL would be {after.ttl_seconds} s"
    if before is None:
        return ""
    if after is None:
        return "nothing would be answered"
    worst = ServingMode.FAIL_OPEN
    if after.mode is worst and before.mode is not worst:
        return f"served {after.mode.value}, and {before.mode.value} by the policy in force"
    taken, tried = _share(after, accepted)
    taken_before, tried_before = _share(before, accepted)
    # shares compared without division: nothing tried is no share below any
    if 2 * taken < tried and taken * tried_before < taken_before * tried:
        return (
            f"{taken} of {tried} endpoints take connections, and {taken_before} of"
            f" {tried_before} by the policy in force"
        )
    return ""


def _share(seen: Seen, accepted: Mapping[Target, bool]) -> tuple[int, int]:
    tried = [accepted[target] for target in seen.targets if target in accepted]
    return sum(tried), len(tried)


def _is_of(entry: ServiceEntry, uid: str) -> bool:
    return entry.staged is not None and entry.staged.uid == uid


def seen_by(ledger: Ledger, composer: Composer, view: str, kind: RecordType) -> Seen | None:
    """What clients in a view are answered to a question about a service; None: nothing."""
    place = Place(Kind.SERVICE, "", ledger.key.namespace, ledger.key.service)
    answer = composer.compose(ledger, place, kind, view)
    if answer is None or answer.failed:
        return None
    facet = facet_of(place, kind)
    assert facet is not None, "a service's name has all of TYPES"
    scope = composer.scope(ledger, view, place)
    choice = choose(scope.home, scope.tiers, facet, scope.policy, scope.ramped)
    targets = [target for each in choice.everything for target in _target(each, kind)]
    return Seen(answer.mode, answer.records.ttl_seconds, tuple(targets[:SAMPLE]))


def _target(endpoint: Endpoint, kind: RecordType) -> Iterable[Target]:
    """The endpoint's first address of the family asked for, and its first TCP port."""
    port = next((p.number for p in endpoint.ports if p.protocol is Protocol.TCP), None)
    addresses = [
        address
        for address in endpoint.addresses
        if kind is RecordType.SRV or (":" in address) == (kind is RecordType.AAAA)
    ]
    return [] if port is None else [Target(address, port) for address in addresses[:1]]
