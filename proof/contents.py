"""What plans say in the worlds of the proof: few services, as real entries, known by number.

The registry's truth takes four steps. Everything is made by the shipped planner, guard and
codecs once, and remembered, so that a search of a hundred thousand states is affordable.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from dns_frontend.feed.decode import published_of
from dns_frontend.plan.digest import EntryTree
from dns_frontend.plan.guard import Limits as FrontendLimits
from registry.adapters.rpc.plan_codec import ProtoPlanCodec
from registry.domain.cell_plan import Entry
from registry.domain.digest import DigestTree
from registry.domain.health import Evidence, Health
from registry.domain.instance import Check, CheckKind, Instance, Registration, State
from registry.domain.names import (
    CellName,
    Incarnation,
    InstanceId,
    InstanceKey,
    NamespaceId,
    RegionName,
    Revision,
    ServiceId,
    ServiceKey,
)
from registry.domain.plan import ServicePlan
from registry.domain.planner import is_servable
from registry.domain.served_name import ServedName, served_name
from registry.domain.service import Service

CELL, REGION = CellName("eu"), RegionName("eu")
WEB = ServiceKey(NamespaceId("shop"), ServiceId("web"))
API = ServiceKey(NamespaceId("shop"), ServiceId("api"))
CODEC = ProtoPlanCodec()
EMPTY, GARBAGE = 0, 1
"""Numbers of two contents: nothing at all, and what nobody can read."""

TRUTHS: tuple[Mapping[ServiceKey, tuple[str, ...] | None], ...] = (
    {API: ("x",)},
    {API: ("x",), WEB: ("a",)},
    {API: ("x",), WEB: ()},  # all have left: the last set is held
    {API: ("x",), WEB: ("b",)},
    {API: ("x",), WEB: None},  # deleted by its owner: the one way to empty a name
)
LAST_TRUTH = len(TRUTHS) - 1


class Contents:
    """Every content that was made so far; a number stands for one."""

    def __init__(self) -> None:
        self._entries: list[Mapping[str, Entry]] = []
        self._numbers: dict[bytes, int] = {}
        self._trees: list[EntryTree] = []
        self.number({})
        self._entries.append({})
        self._trees.append(EntryTree())

    def number(self, entries: Mapping[str, Entry]) -> int:
        """The number of a content."""
        digest = DigestTree({key: entry.body for key, entry in entries.items()}).value
        known = self._numbers.get(digest)
        if known is None:
            known = self._numbers[digest] = len(self._entries)
            self._entries.append(dict(entries))
            limits = FrontendLimits()
            self._trees.append(
                EntryTree().replace(
                    {k: published_of(k, e.body, limits) for k, e in entries.items()}, ()
                )
            )
        return known

    def entries(self, number: int) -> Mapping[str, Entry]:
        """Its entries."""
        return self._entries[number]

    def tree(self, number: int) -> EntryTree:
        """The same as a frontend holds it."""
        return self._trees[number]

    def of_digest(self, digest: bytes) -> int:
        """The number of a content by its digest."""
        return self._numbers[digest]


CONTENTS = Contents()


@cache
def names(number: int) -> Mapping[str, ServedName]:
    """The rows of the database for a content."""
    return {key: served_name(e.plan, e.body) for key, e in CONTENTS.entries(number).items()}


@cache
def servable(number: int) -> frozenset[str]:
    """The names that an answer has something to say for."""
    return frozenset(
        key
        for key, entry in CONTENTS.entries(number).items()
        if entry.plan is not None and any(map(is_servable, entry.plan.endpoints))
    )


@cache
def tombstoned(number: int) -> frozenset[str]:
    """The names that were deleted."""
    return frozenset(
        key
        for key, entry in CONTENTS.entries(number).items()
        if entry.plan is not None and entry.plan.tombstone is not None
    )


@cache
def service(truth: int, key: ServiceKey) -> Service | None:
    """A service's row; None where there is none."""
    if key not in TRUTHS[truth]:
        return None
    buried = TRUTHS[truth][key] is None
    return Service(key, "uid", None, "e", 0, 0, Revision(truth), 1 if buried else None)


@cache
def instances(truth: int, key: ServiceKey) -> tuple[Instance, ...]:
    """The instances of a service."""
    return tuple(_instance(key, id_) for id_ in TRUTHS[truth].get(key) or ())


def _instance(key: ServiceKey, id_: str) -> Instance:
    registration = Registration(
        key=InstanceKey(*key, InstanceId(id_)),
        cell=CELL,
        region=REGION,
        zone="",
        addresses=("192.0.2.1",),
        ports=(),
        priority=0,
        weight=1,
        metadata={},
        check=Check(CheckKind.NONE),
        ttl_seconds=15.0,
    )
    return Instance(
        registration,
        Incarnation(f"u-{id_}"),
        "",
        State.ACTIVE,
        Health.HEALTHY,
        Evidence.LEASE_RENEWED,
        0,
        0,
        0,
        Revision(1),
    )


def entry(plan: ServicePlan) -> Entry:
    """An entry as it is published."""
    return Entry(plan, CODEC.encode(plan))
