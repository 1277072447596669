"""No service's entry is outgrown, however many nodes let registrations in at once (I9)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from itertools import count

import pytest
from store_samples import EAST, EAST_REGION, WEB, instance_key, register

from registry.adapters.clock import ManualClock, SystemClock
from registry.app.committer import Committer
from registry.app.leasekeeper import Leasekeeper
from registry.app.mirror import Mirror
from registry.app.registrar import Registrar
from registry.app.uptime import Uptime
from registry.domain.admission import Draft, DraftPort
from registry.domain.errors import ServiceFull
from registry.domain.guard import Limits
from registry.domain.names import CellName, Incarnation, Revision
from registry.domain.occupancy import Occupancy
from registry.domain.operation import Deregister, Done, Outcome, Refused
from registry.domain.room import MOST, POLICY_OCTETS, Place, Size, octets_of
from registry.domain.tally import Tally
from registry.ports import Store

PLACE: Place = (WEB, EAST)
PLENTY = 1 << 20


def tally(revision: int, taken: int, promised: int, most: int = 3) -> Tally:
    """What a node knows that heard of so many, and let in so many."""
    return Tally(
        Revision(revision),
        Size(most, PLENTY),
        {PLACE: Size(taken, 0)},
        {PLACE: Size(promised, 0)},
    )


def told(outcomes: Sequence[Outcome]) -> list[str]:
    return [
        outcome.error.field
        if isinstance(outcome, Refused) and isinstance(outcome.error, ServiceFull)
        else "done"
        for outcome in outcomes
        if isinstance(outcome, Done | Refused)
    ]


async def test_a_node_that_has_not_heard_of_others_passes_no_bound(store: Store) -> None:
    """It thinks that there is nobody, and there are two of three."""
    await store.apply([register("a", "u1"), register("b", "u2")])
    applied = await store.apply(
        [register("c", "u3"), replace(register("d", "u4"), path="requests[1].")],
        tally=tally(0, 0, 2),
    )
    assert told(applied.outcomes) == ["done", "requests[1].parent"]
    assert applied.revision == 3
    assert [i.key.instance for i in (await store.state()).instances] == ["a", "b", "c"]


async def test_where_nothing_is_known_the_store_looks_itself(store: Store) -> None:
    metadata = {f"k{n}": "v" * 512 for n in range(64)}
    made = [register(f"i{n}", f"u{n}") for n in range(30)]
    made = [
        replace(each, registration=replace(each.registration, metadata=metadata)) for each in made
    ]
    room = MOST.octets // octets_of(made[0].registration)
    applied = await store.apply(made)
    assert told(applied.outcomes) == ["done"] * room + ["instance"] * (30 - room)


async def test_who_is_there_may_register_again_and_who_leaves_makes_room(store: Store) -> None:
    """In one transaction, in its order."""
    await store.apply([register(name, name) for name in "abc"])
    applied = await store.apply(
        [
            register("a", "a2"),
            register("d", "d"),
            Deregister(instance_key("b"), Incarnation("b")),
            register("d", "d2"),
            register("e", "e"),
            replace(
                register("e", "e2"),
                registration=replace(register("e", "").registration, cell=CellName("west")),
            ),
            register("prod/other/e", "e3"),
        ],
        tally=tally(0, 0, 4),
    )
    assert told(applied.outcomes) == ["done", "parent", "done", "done", "parent", "done", "done"]


async def test_a_repeated_request_has_its_answer_in_a_service_that_is_full(store: Store) -> None:
    await store.apply([register(name, name, f"r-{name}") for name in "abc"])
    applied = await store.apply([register("b", "b2", "r-b")], tally=tally(0, 0, 1))
    (outcome,) = applied.outcomes
    assert isinstance(outcome, Done)
    assert outcome.replayed


async def test_a_tally_of_a_forgotten_or_another_past_is_not_relied_on(store: Store) -> None:
    """Of history that is compacted, or that this database never had."""
    await store.apply([register(name, name) for name in "abc"])
    await store.compact(0)
    for revision in (1, 99):
        applied = await store.apply([register("d", "d")], tally=tally(revision, 0, 1))
        assert told(applied.outcomes) == ["parent"]


async def test_a_node_that_has_heard_of_all_is_judged_by_what_it_knows(store: Store) -> None:
    await store.apply([register(name, name) for name in "abc"])
    near = tally(3, 3, 2, most=4)
    applied = await store.apply([register("d", "d"), register("e", "e")], tally=near)
    assert told(applied.outcomes) == ["done", "parent"]


class Door:
    """A node's door, which hears of nobody else's registrations."""

    def __init__(self, store: Store, name: str, limits: Limits) -> None:
        serial = count()
        clock = SystemClock()
        uptime = Uptime(clock)
        mirror = Mirror(store, clock, uptime)
        occupancy = Occupancy(limits)
        mirror.subscribe(occupancy.heard)
        self.committer = Committer(store, mirror, clock, uptime, occupancy)
        self.registrar = Registrar(
            self.committer,
            Leasekeeper(mirror, uptime),
            clock,
            {EAST: EAST_REGION},
            occupancy,
            lambda: f"{name}-{next(serial)}",
            lambda: 0.5,
        )

    async def register(self, instance: str, metadata: dict[str, str] | None = None) -> str:
        draft = Draft(
            parent=str(WEB),
            instance_id=instance,
            region="east",
            addresses=("192.0.2.1",),
            ports=(DraftPort(name="main", number=80),),
            metadata=metadata or {},
        )
        try:
            await self.registrar.register(draft)
        except ServiceFull as error:
            return error.field
        return "done"


@asynccontextmanager
async def doors(
    make_store: Callable[[], Store], store: Store, limits: Limits
) -> AsyncIterator[list[Door]]:
    """Two nodes on one database; what is embedded has one process, and so one store."""
    async with AsyncExitStack() as stack:
        stores = [store, store]
        if "Postgresql" in repr(store):
            stores[1] = make_store()
            await stores[1].open()
            stack.push_async_callback(stores[1].close)
        made = [Door(each, name, limits) for each, name in zip(stores, "ab", strict=True)]
        loops = [asyncio.create_task(door.committer.run()) for door in made]
        yield made
        for door in made:
            door.committer.close()
        await asyncio.gather(*loops)


@pytest.mark.parametrize(
    ("octets", "limits", "field"),
    [
        (0, Limits(endpoints_per_service=20), "parent"),
        (500, Limits(entry_octets=POLICY_OCTETS + 20 * 800), "instance"),
    ],
)
async def test_two_nodes_that_let_in_at_once_stay_within_the_bounds(
    store: Store,
    make_store: Callable[[], Store],
    clock: ManualClock,
    octets: int,
    limits: Limits,
    field: str,
) -> None:
    """Forty come to each of two doors, where there is room for some twenty in all."""
    metadata = {"k": "v" * octets}
    async with doors(make_store, store, limits) as (a, b):
        told = await asyncio.gather(
            *(
                door.register(f"{name}{n}", metadata)
                for n in range(40)
                for door, name in ((a, "a"), (b, "b"))
            )
        )
    there = (await store.state()).instances
    assert told.count("done") == len(there)
    assert told.count(field) == 80 - len(there)
    sums = Size(len(there), sum(octets_of(each.registration) for each in there))
    most = Size(limits.endpoints_per_service, limits.entry_octets - POLICY_OCTETS)
    assert not sums.passes(most)
    assert sums.plus(Size(1, octets_of(there[0].registration))).passes(most), "and none in vain"
