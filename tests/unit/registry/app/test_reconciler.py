"""A cell looked after, on a store in memory and a clock turned by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest
from instance_node import GatedStore
from publication_node import (
    CART,
    CELLS,
    EU,
    US,
    Follower,
    PublicationNode,
    draft,
    following,
    running,
)
from two_keys import edited

from registry.adapters.clock import ManualClock
from registry.adapters.probe.scripted import ScriptedProber
from registry.adapters.rpc.plan_codec import ProtoPlanCodec
from registry.app.plan_event import BasePart, DeltaStep
from registry.app.registrar import Registered
from registry.domain.gc import Keep
from registry.domain.health import Evidence, Health
from registry.domain.instance import Override
from registry.domain.names import (
    CellName,
    Generation,
    Incarnation,
    InstanceKey,
    RegionName,
    ServiceId,
    ServiceKey,
)
from registry.domain.operation import CreateService, DeleteService, Fence, Judge
from registry.domain.plan import PlanDelta, PlanRecord, ServicePlan
from registry.domain.planner import is_servable
from registry.domain.refused_entry import RefusedEntry
from registry.domain.served_name import Asked
from registry.domain.service import HealthPolicy, ServicePolicy
from registry.domain.velocity import Reason
from registry.ports import Leadership, Publication

CHECKED = ("127.0.0.1", 80)
HEALTHY, HELD = "healthy validated", "unhealthy deregistered"


def named(service: str) -> ServiceKey:
    return ServiceKey(CART.namespace, ServiceId(service))


@pytest.fixture
async def node(
    store: GatedStore, clock: ManualClock, prober: ScriptedProber
) -> AsyncIterator[PublicationNode]:
    async with running(PublicationNode(store, clock, prober)) as one:
        await clock.advance(0.1)
        yield one


async def test_an_empty_cell_is_published_so_that_frontends_know_it_is_empty(
    node: PublicationNode, clock: ManualClock
) -> None:
    async with following(node.feed) as follower:
        await clock.advance(0.0)
        assert follower.entries == {EU: {}}
        assert node.generation == 1


async def test_an_instance_is_published_as_healthy_when_it_was_validated_and_not_before(
    node: PublicationNode, clock: ManualClock, prober: ScriptedProber
) -> None:
    prober.answer(CHECKED, Evidence.REFUSED)
    await node.register(port=80)
    await clock.advance(0.5)
    assert node.standing() == {"i1": "unknown none"}
    prober.answer(CHECKED, Evidence.VALIDATED)
    await clock.advance(1.0)
    assert node.standing() == {"i1": HEALTHY}


async def test_validation_within_the_debounce_costs_one_generation_only(
    node: PublicationNode, clock: ManualClock
) -> None:
    await node.register(port=80)
    await clock.advance(0.1)
    assert (node.generation, node.standing()) == (2, {"i1": HEALTHY})


async def test_a_change_is_published_within_milliseconds(
    node: PublicationNode, clock: ManualClock
) -> None:
    registered = await node.register()
    await clock.advance(0.0)
    assert node.standing() == {"i1": "healthy lease_renewed"}
    await node.register("i2")
    await clock.advance(0.005)
    assert len(node.standing()) == 2
    await node.leave(registered)
    await clock.advance(0.005)
    assert node.standing() == {"i2": "healthy lease_renewed"}


async def test_the_last_instance_to_leave_is_held_until_another_is_validated(
    node: PublicationNode, clock: ManualClock, prober: ScriptedProber
) -> None:
    """I7."""
    await node.leave(await node.register())
    await clock.advance(0.1)
    planned = node.planned()
    assert planned is not None
    assert planned.held
    assert node.standing() == {"i1": HELD}
    prober.answer(CHECKED, Evidence.REFUSED)
    await node.register("i2", port=80)
    await clock.advance(0.5)
    assert node.standing() == {"i1": HELD, "i2": "unknown none"}
    prober.answer(CHECKED, Evidence.VALIDATED)
    await clock.advance(1.0)
    assert node.standing() == {"i2": HEALTHY}


async def test_an_instance_that_stops_answering_becomes_unhealthy_and_comes_back(
    node: PublicationNode, clock: ManualClock, prober: ScriptedProber
) -> None:
    await node.register(port=80, ttl_seconds=300.0)
    await clock.advance(6.0)
    prober.answer(CHECKED, Evidence.REFUSED)
    await clock.advance(5.0 + 2.0 + 0.1)
    assert node.standing() == {"i1": "unhealthy refused"}
    prober.answer(CHECKED, Evidence.VALIDATED)
    await clock.advance(10.0 + 0.1)
    assert node.standing() == {"i1": HEALTHY}


async def test_a_lease_that_runs_out_is_published_and_the_instance_reaped_ten_minutes_later(
    node: PublicationNode, clock: ManualClock
) -> None:
    await node.register("i1")
    await node.register("i2", ttl_seconds=300.0)
    await clock.advance(60.0)
    assert node.standing() == {"i1": "unhealthy lease_expired", "i2": "healthy lease_renewed"}
    assert len(node.mirror.instances) == 2
    await clock.advance(400.0)
    assert node.standing()["i2"] == "unhealthy lease_expired"
    await clock.advance(230.0)
    assert [key.instance for key in node.mirror.instances] == ["i2"]
    assert node.standing() == {"i2": "unhealthy lease_expired"}
    await clock.advance(600.0)
    assert node.standing() == {"i2": "unhealthy lease_expired"}, "held"
    assert len(node.mirror.instances) == 1, "so that it can be decided on"


async def test_every_service_has_an_entry_in_every_cell_and_an_instance_only_in_its_own(
    store: GatedStore, clock: ManualClock, prober: ScriptedProber
) -> None:
    async with running(PublicationNode(store, clock, prober, cells=CELLS)) as node:
        await node.register("i1", region="eu")
        await clock.advance(0.1)
        assert node.standing(cell=EU) == {"i1": "healthy lease_renewed"}
        assert node.planned(cell=US) is not None
        assert node.standing(cell=US) == {}
        await node.register("i1", region="us", addresses=("10.0.0.9",))
        await clock.advance(0.1)
        assert node.standing(cell=US) == {"i1": "healthy lease_renewed"}
        assert node.standing(cell=EU) == {"i1": HELD}, "it moved, and this cell had no other"


async def test_deleting_a_service_empties_it_and_making_it_again_lifts_the_tombstone(
    node: PublicationNode, store: GatedStore, clock: ManualClock
) -> None:
    await node.register()
    await clock.advance(0.1)
    _, changes, revision = await edited(store, DeleteService(CART, "", force=True))
    node.mirror.absorb(changes, revision)
    await clock.advance(0.1)
    planned = node.planned()
    assert planned is not None
    assert planned.tombstone is not None
    assert planned.endpoints == ()
    policy = ServicePolicy(record_ttl_seconds=20)
    _, changes, revision = await store.edit_service(CreateService(CART, policy, "uid"))
    node.mirror.absorb(changes, revision)
    await clock.advance(0.1)
    planned = node.planned()
    assert planned is not None
    assert (planned.tombstone, planned.policy, planned.endpoints) == (None, policy, ())


async def test_a_tombstone_that_nobody_needs_leaves_the_database_and_then_the_plan(
    store: GatedStore, clock: ManualClock, prober: ScriptedProber
) -> None:
    """When all plans of before are gone, and not while one is there (I4, I7)."""
    keep = Keep(generations=2, seconds=0.0)
    made = PublicationNode(store, clock, prober, keep=keep, clean_seconds=20.0)
    async with running(made):
        await made.register()
        await clock.advance(1.0)
        await made.delete(CART)
        await clock.advance(30.0)
        planned = made.planned()
        assert planned is not None
        assert planned.tombstone is not None
        assert [service.key for service in (await store.state()).services] == [CART]
        # so much that the chain gets new bases, and the old ones can go
        metadata = {f"k{number}": "v" * 512 for number in range(60)}
        for number in range(6):
            blog = "namespaces/shop/services/blog"
            await made.register(f"i{number}", parent=blog, metadata=metadata)
            await clock.advance(1.0)
        await clock.advance(60.0)
        assert made.planned() is None
        assert made.planned(named("blog")) is not None
        assert [service.key for service in (await store.state()).services] == [named("blog")]
        assert set(made.mirror.services) == {named("blog")}


@pytest.mark.parametrize("known", [True, False])
async def test_a_service_made_again_before_its_tombstone_was_published_is_planned_as_it_is(
    node: PublicationNode,
    store: GatedStore,
    clock: ManualClock,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    known: bool,
) -> None:
    """The database refuses the tombstone; nothing is in doubt, and no plan is read anew.

    Also when another node made the service again, and this one has not heard of it yet.
    """
    await node.register()
    await clock.advance(0.1)
    before = await store.heads()
    reads: list[Generation] = []
    read = store.read_plan

    async def counted(cell: CellName, generation: Generation) -> Any:
        reads.append(generation)
        return await read(cell, generation)

    monkeypatch.setattr(store, "read_plan", counted)
    _, deleted, at = await edited(store, DeleteService(CART, "", force=True))
    policy = ServicePolicy(record_ttl_seconds=20)
    _, made, revision = await store.edit_service(CreateService(CART, policy, "uid"))
    publish = store.publish
    tried: list[Publication] = []

    async def watched(publication: Publication) -> bool:
        tried.append(publication)
        if known:
            node.mirror.absorb(made, revision)
        return await publish(publication)

    monkeypatch.setattr(store, "publish", watched)
    node.mirror.absorb(deleted, at)
    await clock.advance(1.0)
    asked = [name.asked for each in tried for name in each.names.values() if name is not None]
    assert asked[0] is Asked.TOMBSTONE, "the tombstone was tried"
    planned = node.planned()
    assert planned is not None
    assert (planned.tombstone, planned.policy) == (None, policy)
    assert planned.held, "who answered goes on until somebody new is validated (I7)"
    after = [head.generation for head in await store.heads()]
    assert after == [head.generation + 1 for head in before], "no number was skipped"
    assert reads == []
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_a_mass_registration_is_published_in_few_generations(
    node: PublicationNode, clock: ManualClock
) -> None:
    for start in range(0, 2000, 100):
        await node.registrar.register_batch(
            [
                draft(f"i{n}", parent=f"namespaces/shop/services/s{n % 500}")
                for n in range(start, start + 100)
            ]
        )
    await clock.advance(1.0)
    plan = node.reconcilers[EU].publisher.plan
    assert plan is not None
    assert plan.totals.endpoints == 2000
    assert node.generation < 60


async def test_a_change_nobody_was_told_of_is_found_on_the_next_full_pass(
    node: PublicationNode, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(node.reconcilers[EU].publisher, "changed", lambda *_, **__: None)
        await node.register()
        await clock.advance(0.5)
        assert node.standing() == {}
    await clock.advance(10.0)
    assert node.standing() == {"i1": "healthy lease_renewed"}


async def test_a_node_that_finds_its_plan_in_place_publishes_nothing(
    node: PublicationNode, store: GatedStore, clock: ManualClock, prober: ScriptedProber
) -> None:
    await node.register(port=80, ttl_seconds=300.0)
    await node.leave(await node.register("i2", parent="namespaces/shop/services/other"))
    await clock.advance(0.1)
    generation, plan = node.generation, node.planned()
    await node.stop()
    async with running(PublicationNode(store, clock, prober, name="b")) as second:
        await clock.advance(30.0)
        assert second.generation == generation
        assert second.planned() == plan


async def test_a_node_that_takes_over_publishes_the_differences_only(
    node: PublicationNode, store: GatedStore, clock: ManualClock, prober: ScriptedProber
) -> None:
    for number in range(5):
        await node.register("i1", parent=f"namespaces/shop/services/s{number}", ttl_seconds=300.0)
    async with following(node.feed) as follower:
        await clock.advance(0.1)
    await node.stop()
    quiet = PublicationNode(store, clock, prober, name="b")
    async with running(quiet, reconcile=False):
        await quiet.register("i2", parent="namespaces/shop/services/s3")
    third = PublicationNode(store, clock, prober, name="c")
    follower.events.clear()
    async with running(third), following(third.feed, follower):
        await clock.advance(10.0)
        steps = [event for event in follower.events if isinstance(event, DeltaStep)]
        assert [list(step.changed) for step in steps] == [["shop/s3"]]
        assert not any(isinstance(event, BasePart) for event in follower.events)


class Rival:
    """Another publisher that holds the same epoch: a bug, or a resumed past."""

    def __init__(self, store: GatedStore) -> None:
        self.store = store

    async def publish(self, node: PublicationNode) -> None:
        """Move the head with an entry of its own."""
        plan = node.reconcilers[EU].publisher.plan
        assert plan is not None
        at = plan.record
        staged = plan.tree.stage({"shop/rival": b""}, ())
        record = PlanRecord(
            EU,
            at.epoch,
            Generation(at.generation + 1),
            at.generation,
            staged.value,
            at.service_count + 1,
            at.endpoint_count,
            at.revision,
            0,
        )
        delta = PlanDelta({"shop/rival": b""})
        assert await self.store.publish(Publication(Fence(EU, at.epoch), record, delta, None))


async def test_a_head_moved_by_another_is_planned_upon_anew(
    node: PublicationNode, store: GatedStore, clock: ManualClock
) -> None:
    """I2: the loser is refused, and what it wanted is planned on the head as it is."""
    await node.register()
    await clock.advance(0.1)
    async with following(node.feed) as follower:
        await clock.advance(0.0)
        await Rival(store).publish(node)
        await node.register("i2")
        await clock.advance(1.0)
        assert set(node.standing()) == {"i1", "i2"}
        assert "shop/rival" in follower.entries[EU]
        assert follower.records[EU] == node.feed.head(EU)


async def test_while_the_store_is_away_nothing_changes_and_afterwards_everything_does(
    node: PublicationNode, store: GatedStore, clock: ManualClock, prober: ScriptedProber
) -> None:
    """I23, I15."""
    await node.register("i1", port=80)
    await node.register("i2")
    await clock.advance(0.1)
    async with following(node.feed) as follower:
        await clock.advance(1.0)
        before = node.standing()
        store.outage = True
        prober.answer(CHECKED, Evidence.REFUSED)
        await clock.advance(300.0)
        assert node.standing() == before
        assert follower.records[EU].generation == node.generation
        store.outage = False
        await clock.advance(10.0)
        assert node.standing()["i1"] == "unhealthy refused"
        assert node.standing()["i2"] == "healthy lease_renewed", "no lease aged in the outage"
        await clock.advance(30.0)
        assert node.standing()["i2"] == "unhealthy lease_expired"


async def test_an_outage_in_the_middle_of_a_publication_loses_nothing(
    node: PublicationNode, store: GatedStore, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the write was done is not known; here it was, and its answer was lost."""
    whole = type(store).publish
    answers_lost = 0

    async def publish(self: GatedStore, publication: Publication) -> bool:
        nonlocal answers_lost
        won = await whole(self, publication)
        if answers_lost < 3:
            answers_lost += 1
            self.outage = True
            self._answer()
        return won

    monkeypatch.setattr(type(store), "publish", publish)
    async with following(node.feed) as follower:
        for number in range(3):
            await node.register(f"i{number}", ttl_seconds=300.0)
            await clock.advance(0.1)
            store.outage = False
            await clock.advance(20.0)
        assert len(node.standing()) == 3
        assert follower.records[EU] == node.feed.head(EU)
        assert follower.plan() == node.planned()


async def test_a_node_that_lost_the_lead_stops_at_once_and_writes_no_more(
    node: PublicationNode,
    store: GatedStore,
    clock: ManualClock,
    prober: ScriptedProber,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """I1: a node that was asleep, past its lease, while another took over."""
    registered = await node.register(port=80, ttl_seconds=300.0)
    await clock.advance(0.1)
    lead = type(store).lead

    async def rule(
        self: GatedStore, cell: CellName, region: RegionName, name: str, seconds: float
    ) -> Leadership | None:
        return await lead(self, cell, region, name, seconds) if name == "b" else None

    second = PublicationNode(store, clock, prober, name="b")
    monkeypatch.setattr(type(store), "lead", rule)
    clock.jump(7.0)
    async with running(second):
        await clock.advance(3.0)
        assert second.reconcilers[EU].is_leading
        assert not node.reconcilers[EU].is_leading
        prober.tried.clear()
        epochs = {record.epoch for record in await store.list_plans(EU, None, 1)}
        await node.leave(registered)
        await clock.advance(3.0)
        assert second.standing() == {"i1": HELD}
        (head,) = await store.heads()
        assert head.leader == "b"
        assert head.epoch > max(epochs)
        # The former leader tells its watchers what the new one publishes.
        assert node.generation == second.generation


async def test_a_plan_that_cannot_be_read_is_published_anew_in_full(
    node: PublicationNode,
    store: GatedStore,
    clock: ManualClock,
    prober: ScriptedProber,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """I10: with what an older one still says of names whose instances are gone (I7)."""
    await node.leave(await node.register("gone", parent="namespaces/shop/services/held"))
    await node.register("i1", ttl_seconds=300.0)
    await clock.advance(0.1)
    before = node.generation
    await node.stop()
    read = type(store).read_plan

    async def damaged(self: GatedStore, cell: CellName, generation: Generation) -> object:
        return None if generation >= before else await read(self, cell, generation)

    with monkeypatch.context() as patch:
        patch.setattr(type(store), "read_plan", damaged)
        second = PublicationNode(store, clock, prober, name="b")
        async with running(second), following(second.feed) as follower:
            await clock.advance(2.0)
            assert second.generation == before + 1
            assert set(follower.entries[EU]) == {"shop/held", "shop/cart"}
            held = second.planned(named("held"))
            assert held is not None
            assert held.held
    found = await store.read_plan(EU, Generation(before + 1))
    assert found is not None
    assert found[1] == follower.entries[EU], "stored whole"


@pytest.mark.parametrize("failure", [None, KeyError("a bug"), ValueError("garbage")])
async def test_no_plan_at_all_can_be_read_and_the_cell_is_planned_from_what_is_registered(
    node: PublicationNode,
    store: GatedStore,
    clock: ManualClock,
    prober: ScriptedProber,
    monkeypatch: pytest.MonkeyPatch,
    failure: Exception | None,
) -> None:
    """I10."""
    await node.register("i1", ttl_seconds=300.0)
    await clock.advance(0.1)
    before = node.generation
    await node.stop()

    async def nothing(*_: object) -> None:
        if failure is not None:
            raise failure

    monkeypatch.setattr(type(store), "read_plan", nothing)
    second = PublicationNode(store, clock, prober, name="b")
    async with running(second), following(second.feed) as follower:
        await clock.advance(2.0)
        assert second.generation == before + 1
        assert second.standing() == {"i1": "healthy lease_renewed"}
        assert set(follower.entries[EU]) == {"shop/cart"}


async def test_a_number_that_the_database_holds_already_is_passed_over(
    node: PublicationNode, store: GatedStore, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I10: a plan of the next number is there, though no head ever pointed to it."""
    whole = type(store).publish
    taken = {2, 3}

    async def publish(self: GatedStore, publication: Publication) -> bool:
        if publication.record.generation in taken:
            raise LookupError("UNIQUE constraint failed: plans.cell, plans.generation")
        return await whole(self, publication)

    monkeypatch.setattr(type(store), "publish", publish)
    async with following(node.feed) as follower:
        await node.register()
        await clock.advance(1.0)
        assert node.standing() == {"i1": "healthy lease_renewed"}
        assert node.generation == 5
        assert follower.records[EU].parent_generation == 1


async def test_a_registration_that_cannot_be_planned_hurts_its_own_name_only(
    node: PublicationNode, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I11."""
    other = named("other")
    await node.register("i1")
    await clock.advance(0.1)
    encode = ProtoPlanCodec.encode

    def encode_or_fail(codec: ProtoPlanCodec, plan: ServicePlan) -> bytes:
        if any(endpoint.instance == "i2" for endpoint in plan.endpoints):
            raise ValueError("no field can hold it")
        return encode(codec, plan)

    monkeypatch.setattr(ProtoPlanCodec, "encode", encode_or_fail)
    await node.register("i2")
    for number in range(5):
        await node.register(f"j{number}", parent=str(other))
        await clock.advance(0.1)
        assert len(node.standing(other)) == number + 1
    assert node.standing() == {"i1": "healthy lease_renewed"}
    assert list(node.reconcilers[EU].publisher.refused) == ["shop/cart"]
    (head,) = [each for each in await node.store.heads() if each.cell == EU]
    assert head.refused == (RefusedEntry(CART, "malformed", "ValueError: no field can hold it"),)
    monkeypatch.setattr(ProtoPlanCodec, "encode", encode)
    await node.register("i3")
    await clock.advance(0.1)
    assert set(node.standing()) == {"i1", "i2", "i3"}
    (head,) = [each for each in await node.store.heads() if each.cell == EU]
    assert head.refused == (), "all can be published again"


async def test_what_is_refused_and_cannot_be_written_down_hinders_nothing(
    node: PublicationNode, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in the log of the leader all the same."""

    async def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(type(node.store), "refuse", fail)
    await node.register()
    await clock.advance(0.1)
    assert node.standing() == {"i1": "healthy lease_renewed"}
    assert node.reconcilers[EU].is_leading


async def test_a_fault_of_its_own_costs_the_lead_and_not_the_node(
    node: PublicationNode, store: GatedStore, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher = node.reconcilers[EU].publisher
    with monkeypatch.context() as patch:

        def fail(*_: object, **__: object) -> None:
            raise RuntimeError("a bug")

        patch.setattr(publisher, "_take_on", fail)
        await node.register()
        await clock.advance(0.5)
        (head,) = await store.heads()
        assert head.leader == ""
    await clock.advance(2.0)
    assert node.standing() == {"i1": "healthy lease_renewed"}
    assert node.reconcilers[EU].is_leading


async def test_a_verdict_that_cannot_be_stored_now_is_stored_later(
    node: PublicationNode, store: GatedStore, clock: ManualClock
) -> None:
    await node.register(port=80)
    store.outage = True
    await clock.advance(3.0)
    store.outage = False
    await clock.advance(3.0)
    assert node.standing() == {"i1": HEALTHY}
    assert any(isinstance(op, Judge) for group in store.applied for op in group)


@pytest.mark.parametrize("seed", range(8))
async def test_over_random_histories_no_name_is_emptied_and_every_step_verifies(
    store: GatedStore, clock: ManualClock, prober: ScriptedProber, seed: int
) -> None:
    """I1, I6 and I7 as a frontend sees them, under restarts, outages and lost heads."""
    random = Random(seed)
    alive: dict[str, Registered] = {}
    follower, servable = Follower(), set[str]()

    def judge() -> None:
        for key in follower.entries.get(EU, {}):
            plan = follower.plan(named(key.removeprefix("shop/")))
            assert plan is not None
            if any(map(is_servable, plan.endpoints)):
                servable.add(key)
            else:
                assert key not in servable, f"{key} was emptied"

    for life in range(4):
        node = PublicationNode(store, clock, prober, name=f"n{life}")
        async with running(node), following(node.feed, follower):
            await clock.advance(7.0)
            for _ in range(25):
                instance = f"i{random.randrange(4)}"
                match random.randrange(8):
                    case 0 | 1 | 2:
                        alive[instance] = await node.register(
                            instance,
                            parent=f"namespaces/shop/services/s{random.randrange(3)}",
                            port=random.choice([0, 80, 81]),
                            ttl_seconds=random.choice([5.0, 30.0]),
                        )
                    case 3 if instance in alive:
                        one = alive.pop(instance).instance
                        if node.mirror.instances.get(one.key) is not None:
                            await node.leave(Registered(one, 0, 0, 0, one.revision))
                    case 4:
                        prober.answer(
                            ("127.0.0.1", 80),
                            random.choice([Evidence.VALIDATED, Evidence.REFUSED]),
                        )
                    case 5:
                        prober.answer(
                            ("127.0.0.1", 81),
                            random.choice([Evidence.VALIDATED, Evidence.TIMEOUT]),
                        )
                    case 6:
                        store.outage = True
                        await clock.advance(random.choice([0.3, 9.0]))
                        store.outage = False
                        await clock.advance(2.0)
                await clock.advance(random.choice([0.0, 0.01, 2.0, 20.0]))
                judge()
            await clock.advance(15.0)
            judge()
            assert follower.records[EU] == node.feed.head(EU)
            for key in follower.entries[EU]:
                plan = follower.plan(named(key.removeprefix("shop/")))
                assert plan is not None
                published = {endpoint.incarnation for endpoint in plan.endpoints}
                assert plan.held or published <= node.mirror.by_incarnation.keys()
    assert servable


async def test_a_slow_start_goes_on_in_a_registry_that_was_started_anew(
    node: PublicationNode, store: GatedStore, clock: ManualClock, prober: ScriptedProber
) -> None:
    """Whether a probe validated the instance, or its lease speaks for it alone."""
    slow = ServicePolicy(health=HealthPolicy(slow_start_seconds=100.0))
    _, changes, revision = await store.edit_service(CreateService(CART, slow, "uid"))
    node.mirror.absorb(changes, revision)
    await node.register("i1", port=80, ttl_seconds=300.0)
    await node.register("i2", ttl_seconds=300.0)
    await clock.advance(45.0)
    assert weights(node) == {"i1": 40, "i2": 40}, "percent of the weight"
    await node.stop()
    async with running(PublicationNode(store, clock, prober, name="b")) as second:
        seen = []
        for _ in range(10):
            await clock.advance(8.0)
            seen.append(tuple(weights(second).values()))
    assert seen[0] in ((50, 50), (60, 60))
    assert [each for each in dict.fromkeys(seen) if 60 < each[0] < 100] == [
        (70, 70),
        (80, 80),
        (90, 90),
    ]
    assert seen[-1] == (1, 1), "at the end they have what was registered"


def weights(node: PublicationNode) -> dict[str, int]:
    planned = node.planned()
    assert planned is not None
    return {each.instance: each.weight for each in planned.endpoints}


async def fallen(node: PublicationNode) -> tuple[int, int]:
    """How many endpoints are out of the answers, and how many are ill and held in them."""
    planned = node.planned()
    assert planned is not None
    ill = [each for each in planned.endpoints if each.health is Health.UNHEALTHY]
    held = [each for each in ill if each.hold is not None]
    return len(ill) - len(held), len(held)


async def ten(node: PublicationNode, clock: ManualClock) -> None:
    for number in range(10):
        await node.register(
            f"i{number}", port=80, ttl_seconds=300.0, addresses=(f"10.0.0.{number + 1}",)
        )
    await clock.advance(6.0)


async def test_one_of_three_that_refuses_leaves_the_answers(
    node: PublicationNode, clock: ManualClock, prober: ScriptedProber
) -> None:
    for number in range(3):
        await node.register(f"i{number}", port=80, addresses=(f"10.0.0.{number + 1}",))
    await clock.advance(3.0)
    prober.answer(("10.0.0.2", 80), Evidence.REFUSED)
    await clock.advance(7.0)
    assert await fallen(node) == (1, 0)


async def test_a_name_that_falls_silent_loses_one_in_half_a_minute_and_never_more_than_half(
    node: PublicationNode, clock: ManualClock, prober: ScriptedProber
) -> None:
    """I8."""
    await ten(node, clock)
    for number in range(10):
        prober.answer((f"10.0.0.{number + 1}", 80), Evidence.TIMEOUT)
    await clock.advance(20.0)
    assert await fallen(node) == (1, 9)
    await clock.advance(40.0)
    gone, held = await fallen(node)
    assert 2 <= gone <= 3
    assert gone + held == 10
    await clock.advance(200.0)
    assert await fallen(node) == (5, 5)


async def test_a_name_that_refuses_as_a_whole_leaves_at_once_but_for_the_cells_budget(
    node: PublicationNode, clock: ManualClock, prober: ScriptedProber
) -> None:
    """I8: strong evidence is exempt from the name's budget, never from the cell's."""
    for number in range(30):
        await node.register(
            f"i{number}", port=80, ttl_seconds=300.0, addresses=(f"10.0.0.{number + 1}",)
        )
    await clock.advance(6.0)
    for number in range(30):
        prober.answer((f"10.0.0.{number + 1}", 80), Evidence.REFUSED)
    await clock.advance(20.0)
    assert await fallen(node) == (16, 14)


async def test_an_operator_confirms_a_removal_or_keeps_what_the_rules_would_take(
    node: PublicationNode, clock: ManualClock, prober: ScriptedProber
) -> None:
    await ten(node, clock)
    for number in range(10):
        prober.answer((f"10.0.0.{number + 1}", 80), Evidence.TIMEOUT)
    await clock.advance(20.0)
    planned = node.planned()
    assert planned is not None
    held = [each for each in planned.endpoints if each.hold is not None]
    for endpoint, override in ((held[0], Override.REMOVE), (held[1], Override.KEEP)):
        key = InstanceKey(*planned.key, endpoint.instance)
        await node.registrar.decide_removal(key, endpoint.incarnation, override)
    await clock.advance(0.1)
    assert await fallen(node) == (2, 8)
    planned = node.planned()
    assert planned is not None
    reasons = {each.instance: each.hold and each.hold.reason for each in planned.endpoints}
    assert reasons[held[1].instance] is Reason.KEPT
    assert reasons[held[0].instance] is None
    # frontends, who have a ration of their own, are told that this one was meant
    assert [e.instance for e in planned.endpoints if e.confirmed] == [held[0].instance]
    for number in range(10):
        prober.answer((f"10.0.0.{number + 1}", 80), Evidence.VALIDATED)
    await clock.advance(30.0)
    planned = node.planned()
    assert planned is not None
    assert not any(each.confirmed for each in planned.endpoints)


async def test_one_that_is_well_again_is_held_no_more(
    node: PublicationNode, clock: ManualClock, prober: ScriptedProber
) -> None:
    await ten(node, clock)
    for number in range(10):
        prober.answer((f"10.0.0.{number + 1}", 80), Evidence.TIMEOUT)
    await clock.advance(20.0)
    for number in range(10):
        prober.answer((f"10.0.0.{number + 1}", 80), Evidence.VALIDATED)
    await clock.advance(20.0)
    assert await fallen(node) == (0, 0)


async def test_a_held_instance_is_not_reaped_so_that_it_can_be_decided_on(
    node: PublicationNode, clock: ManualClock
) -> None:
    await node.register("i1")
    await clock.advance(15.1 + 700.0)
    assert await fallen(node) == (0, 1)
    assert len(node.mirror.instances) == 1


async def beating(node: PublicationNode, clock: ManualClock, uids: list[str], rounds: int) -> None:
    for _ in range(rounds):
        for uid in uids:
            node.keeper.table.renew(Incarnation(uid), node.uptime.ceiling())
        await clock.advance(5.0)


async def test_when_all_heartbeats_are_blocked_living_instances_stay_as_they_are(
    node: PublicationNode, clock: ManualClock
) -> None:
    """I14: the registry's own ear is suspected, not the instances that answer its probes."""
    for number in range(10):
        await node.register(f"i{number}", port=80, addresses=(f"10.0.0.{number + 1}",))
    await clock.advance(1.0)
    await clock.advance(120.0)
    assert await fallen(node) == (0, 0)
    assert len(node.keeper.table.leases) == 10, "and go on when they are heard again"


async def test_one_that_beats_no_more_and_answers_probes_is_given_a_little_more_time(
    node: PublicationNode, clock: ManualClock
) -> None:
    uids = [
        (await node.register(f"i{n}", port=80, addresses=(f"10.0.0.{n + 1}",))).instance.incarnation
        for n in range(10)
    ]
    await beating(node, clock, uids[1:], 3)
    assert await fallen(node) == (0, 0)
    await beating(node, clock, uids[1:], 2)
    assert await fallen(node) == (1, 0)


async def test_when_the_instances_are_gone_as_well_their_leases_end(
    node: PublicationNode, clock: ManualClock, prober: ScriptedProber
) -> None:
    for number in range(3):
        await node.register(f"i{number}", port=80, addresses=(f"10.0.0.{number + 1}",))
    await clock.advance(3.0)
    for number in range(3):
        prober.take((f"10.0.0.{number + 1}", 80), 60.0)
    await clock.advance(40.0)
    assert await fallen(node) == (3, 0), "both kinds of silence are strong evidence"
