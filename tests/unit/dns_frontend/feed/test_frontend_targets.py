"""What is to be probed follows the plans, at the cost of what changes in them."""

from __future__ import annotations

from dataclasses import replace

from feed_samples import body, snapshot, tombstone, tree, wide

from dns_frontend.feed.targets import SLICE, Targets
from dns_frontend.plan.cell import CellState, Snapshot
from sheetanchor.v1 import instance_pb2, plan_pb2


def states(*served: Snapshot) -> list[CellState]:
    return [CellState(each.position.cell, served=each) for each in served]


def after(before: Snapshot, removed: tuple[str, ...] = (), **bodies: bytes) -> Snapshot:
    """The next generation, with some entries put and some taken away."""
    changed = dict(tree({f"shop/{name}": octets for name, octets in bodies.items()}))
    return replace(before, tree=before.tree.replace(changed, removed))


async def test_a_generation_costs_what_it_changed_and_the_same_one_nothing() -> None:
    targets = Targets()
    first = wide(1, 3 * SLICE)
    assert await targets.follow(states(first))
    assert (targets.read, len(targets.all)) == (3 * SLICE, 3 * SLICE)
    before = targets.all
    assert not await targets.follow(states(first))
    assert targets.all is before
    second = after(first, s7=body("s7", "10.9.9.9"))
    assert await targets.follow(states(second))
    assert targets.read == 3 * SLICE + 1
    assert [each.addresses for each in targets.all if each not in before] == [("10.9.9.9",)]
    assert len(targets.all) == len(before)


async def test_what_no_plan_has_any_more_is_not_tried() -> None:
    targets = Targets()
    first = wide(1, 4)
    await targets.follow(states(first, snapshot(1, cell="west")))
    assert len(targets.all) == 5
    second = after(first, ("shop/s1",), s0=tombstone("s0"))
    assert await targets.follow(states(second, snapshot(1, cell="west")))
    assert sorted((each.cell, each.incarnation) for each in targets.all) == [
        ("east", "uid-1"),
        ("east", "uid-1"),
        ("west", "uid-1"),
    ]
    assert await targets.follow(states(second))
    assert {each.cell for each in targets.all} == {"east"}
    assert await targets.follow([CellState("east")])
    assert targets.all == ()


async def test_only_endpoints_that_were_validated_once_and_have_a_tcp_port_are_tried() -> None:
    plan = plan_pb2.ServicePlan(namespace="shop", service="cart")
    tcp, udp = instance_pb2.Port.PROTOCOL_TCP, instance_pb2.Port.PROTOCOL_UDP
    for name, health, uid, protocol in (
        ("a", instance_pb2.HEALTH_HEALTHY, "u1", tcp),
        ("b", instance_pb2.HEALTH_UNHEALTHY, "u2", tcp),
        ("c", instance_pb2.HEALTH_UNKNOWN, "u3", tcp),
        ("d", instance_pb2.HEALTH_DRAINING, "u4", tcp),
        ("e", instance_pb2.HEALTH_HEALTHY, "u5", udp),
        ("f", instance_pb2.HEALTH_HEALTHY, "", tcp),
    ):
        port = instance_pb2.Port(name="main", number=8080, protocol=protocol)
        plan.endpoints.add(
            instance=name, uid=uid, addresses=["10.0.0.1"], ports=[port], weight=1, health=health
        )
    targets = Targets()
    octets = {"shop/cart": plan.SerializeToString(deterministic=True)}
    await targets.follow(states(snapshot(1, bodies=octets)))
    assert [each.incarnation for each in targets.all] == ["u1", "u2"]


async def test_a_change_of_health_alone_is_none_of_the_targets() -> None:
    def one(health: instance_pb2.Health, generation: int) -> Snapshot:
        plan = plan_pb2.ServicePlan.FromString(body())
        plan.endpoints[0].health = health
        octets = {"shop/cart": plan.SerializeToString(deterministic=True)}
        return snapshot(generation, bodies=octets)

    targets = Targets()
    assert await targets.follow(states(one(instance_pb2.HEALTH_HEALTHY, 1)))
    assert not await targets.follow(states(one(instance_pb2.HEALTH_UNHEALTHY, 2)))
    assert len(targets.all) == 1
