"""A service's entry has room for so much, and who would pass that is told so at the door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.adapters.rpc.plan_codec import ProtoPlanCodec
from registry.domain.change import InstancePut, InstanceRemoved
from registry.domain.errors import ServiceFull
from registry.domain.guard import Limits
from registry.domain.health import Evidence, Health
from registry.domain.instance import Check, CheckKind, Instance, Port, Registration, State
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
from registry.domain.occupancy import Occupancy
from registry.domain.operation import Register
from registry.domain.plan import Endpoint, Hold, ServicePlan
from registry.domain.room import POLICY_OCTETS, most_of, octets_of, place_of, size_of
from registry.domain.velocity import Reason

SHOP = ServiceKey(NamespaceId("shop"), ServiceId("web"))
SMALL = Limits(endpoints_per_service=3, entry_octets=POLICY_OCTETS + 4000)


def registration(
    name: str = "a", metadata: Mapping[str, str] | None = None, cell: str = "eu"
) -> Registration:
    return Registration(
        key=InstanceKey(*SHOP, InstanceId(name)),
        cell=CellName(cell),
        region=RegionName("eu"),
        zone="",
        addresses=("192.0.2.1",),
        ports=(Port("main", 80),),
        priority=0,
        weight=1,
        metadata=metadata or {},
        check=Check(CheckKind.NONE),
        ttl_seconds=15.0,
    )


def put(wanted: Registration, uid: str = "u1") -> InstancePut:
    instance = Instance(
        registration=wanted,
        incarnation=Incarnation(uid),
        request_id="",
        state=State.ACTIVE,
        health=Health.HEALTHY,
        evidence=Evidence.LEASE_RENEWED,
        health_time_ms=1,
        create_time_ms=1,
        state_time_ms=1,
        revision=Revision(1),
    )
    return InstancePut(Revision(1), instance)


def gone(name: str) -> InstanceRemoved:
    return InstanceRemoved(Revision(2), InstanceKey(*SHOP, InstanceId(name)), CellName("eu"))


def full_of(*names: str, octets: int = 0) -> Occupancy:
    occupancy = Occupancy(SMALL)
    occupancy.heard([put(registration(name, {"k": "v" * octets}), name) for name in names])
    return occupancy


def test_one_more_than_a_cell_publishes_is_refused_until_one_leaves() -> None:
    occupancy = full_of("a", "b", "c")
    with pytest.raises(ServiceFull) as caught:
        occupancy.promise(registration("d"), "requests[7].")
    assert caught.value.field == "requests[7].parent"
    assert (caught.value.details["present"], caught.value.details["limit"]) == ("3", "3")
    occupancy.heard([gone("b")])
    occupancy.promise(registration("d"))


def test_more_octets_than_a_cell_publishes_are_refused() -> None:
    occupancy = full_of("a", octets=3000)
    with pytest.raises(ServiceFull) as caught:
        occupancy.promise(registration("b", {"k": "v" * 1000}))
    assert caught.value.field == "instance"
    occupancy.promise(registration("b"))


def test_other_cells_and_services_have_room_of_their_own() -> None:
    occupancy = full_of("a", "b", "c")
    occupancy.promise(registration("d", cell="eu-2"))
    other = InstanceKey(SHOP.namespace, ServiceId("api"), InstanceId("d"))
    occupancy.promise(replace(registration("d"), key=other))


def test_what_is_promised_counts_until_it_is_released() -> None:
    occupancy = full_of("a", "b")
    promise = occupancy.promise(registration("c"))
    with pytest.raises(ServiceFull):
        occupancy.promise(registration("d"))
    occupancy.release(promise)
    second = occupancy.promise(registration("d"))
    occupancy.heard([put(registration("d"), "d")])
    occupancy.release(second)
    with pytest.raises(ServiceFull):
        occupancy.promise(registration("e"))


def test_to_release_one_promise_keeps_the_others() -> None:
    occupancy = full_of()
    first, *_ = (occupancy.promise(registration(name)) for name in "abc")
    occupancy.release(first)
    occupancy.promise(registration("d"))
    with pytest.raises(ServiceFull):
        occupancy.promise(registration("e"))


def test_who_registers_again_as_it_is_needs_no_room() -> None:
    occupancy = full_of("a", "b", "c", octets=100)
    for octets in (100, 50):
        promise = occupancy.promise(registration("a", {"k": "v" * octets}))
        assert promise.size == (0, 0)
        occupancy.release(promise)


def test_where_it_is_written_it_is_told_what_is_known_of_the_entries_concerned() -> None:
    occupancy = full_of("a", "b")
    one = size_of(registration("c", {"k": ""}))
    occupancy.promise(registration("c", {"k": ""}))
    into = [Register(registration(name), Incarnation(name), "") for name in ("c", "d")]
    elsewhere = Register(registration("c", cell="us"), Incarnation("x"), "")
    here, there = place_of(registration("c")), place_of(registration("c", cell="us"))
    tally = occupancy.tally([*into, elsewhere], Revision(7))
    assert tally.revision == 7
    assert tally.most == most_of(SMALL)
    assert tally.taken == {here: one.plus(one), there: (0, 0)}
    assert tally.promised == {here: one}


def test_one_that_is_there_may_register_again_as_it_is_or_smaller() -> None:
    occupancy = full_of("a", octets=6000)
    occupancy.release(occupancy.promise(registration("a", {"k": "v" * 6000})))
    occupancy.release(occupancy.promise(registration("a")))
    with pytest.raises(ServiceFull):
        occupancy.promise(registration("a", {"k": "v" * 6001}))


def test_an_instance_that_moves_to_another_cell_takes_its_room_along() -> None:
    occupancy = full_of("a", "b", "c")
    occupancy.heard([put(registration("c", cell="eu-2"), "c2")])
    occupancy.promise(registration("d"))


def test_changes_of_health_take_nothing_and_all_that_leaves_is_forgotten() -> None:
    occupancy = full_of("a", "b")
    occupancy.heard([put(registration("a"), "a")] * 5)
    occupancy.promise(registration("c"))
    occupancy.heard([gone("a"), gone("b"), gone("b"), gone("nobody")])
    assert repr(occupancy) == "<Occupancy 0 instances, 1 entries promised>"


LABELS = st.from_regex(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)


@given(
    instance=LABELS,
    zone=LABELS | st.just(""),
    addresses=st.lists(st.ip_addresses().map(str), min_size=1, max_size=8),
    ports=st.lists(st.builds(Port, LABELS, st.integers(1, 65535)), max_size=16),
    metadata=st.dictionaries(
        st.text("kK-._/", min_size=1, max_size=128), st.text(max_size=512), max_size=8
    ),
    number=st.integers(1, 65535),
)
def test_an_endpoint_never_takes_more_octets_than_it_is_counted_with(
    instance: str,
    zone: str,
    addresses: list[str],
    ports: list[Port],
    metadata: dict[str, str],
    number: int,
) -> None:
    wanted = replace(
        registration(instance, metadata), zone=zone, addresses=tuple(addresses), ports=tuple(ports)
    )
    endpoint = Endpoint(
        instance=wanted.key.instance,
        incarnation=Incarnation("0" * 36),
        addresses=wanted.addresses,
        ports=wanted.ports,
        priority=number,
        weight=number,
        zone=zone,
        metadata=metadata,
        health=Health.UNHEALTHY,
        evidence=Evidence.LEASE_EXPIRED,
        hold=Hold(Reason.KEPT, 2**42, 2**42),
    )
    plan = ServicePlan(SHOP, None, (endpoint,), False, None, Revision(0))
    bare = replace(plan, endpoints=())
    encode = ProtoPlanCodec().encode
    assert len(encode(plan)) - len(encode(bare)) <= octets_of(wanted)
