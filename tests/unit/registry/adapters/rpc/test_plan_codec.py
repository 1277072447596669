"""Plans as octets."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_samples import POLICY, SCALE_TO_ZERO, endpoint, plan, tombstoned

from registry.adapters.rpc.plan_codec import ProtoPlanCodec
from registry.domain.health import Evidence, Health
from registry.domain.instance import Port, Protocol
from registry.domain.plan import Endpoint, ServicePlan
from registry.domain.service import ServicePolicy
from sheetanchor.v1 import plan_pb2

CODEC = ProtoPlanCodec()
ENDPOINTS = st.builds(
    endpoint,
    st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True),
    st.sampled_from(Health),
    st.sampled_from(Evidence),
    addresses=st.lists(st.ip_addresses().map(str), max_size=3).map(tuple),
    ports=st.lists(
        st.builds(Port, st.just("main"), st.integers(1, 65535), st.sampled_from(Protocol)),
        max_size=2,
    ).map(tuple),
    weight=st.integers(1, 65535),
    zone=st.sampled_from(["", "a"]),
    confirmed=st.booleans(),
    metadata=st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=3),
)


def build(endpoints: list[Endpoint], policy: ServicePolicy | None, held: bool) -> ServicePlan:
    return plan(*endpoints, policy=policy, held=held)


PLANS = st.one_of(
    st.just(tombstoned()),
    st.builds(
        build,
        st.lists(ENDPOINTS, max_size=3),
        st.sampled_from([None, POLICY, SCALE_TO_ZERO, ServicePolicy()]),
        st.booleans(),
    ),
)


@settings(deadline=None)
@given(PLANS)
def test_a_plan_survives_encoding(original: ServicePlan) -> None:
    assert CODEC.decode(CODEC.encode(original)) == original


def test_the_order_of_metadata_does_not_show_in_the_octets() -> None:
    pairs = {f"k{number}": str(number) for number in range(64)}
    backwards = dict(reversed(pairs.items()))
    assert list(pairs) != list(backwards)
    assert CODEC.encode(plan(endpoint(metadata=pairs))) == CODEC.encode(
        plan(endpoint(metadata=backwards))
    )


def test_the_octets_are_those_that_the_contract_says() -> None:
    """Pinned: a release of protobuf that writes otherwise is to be noticed."""
    octets = CODEC.encode(plan(endpoint(metadata={}, zone="")))
    assert octets.hex() == (
        "0a0473686f7012046361727422350a02693112067569642d69311a0831302e302e302e31"
        "1a0b323030313a6462383a3a31220a0a046d61696e105018013001480250013803"
    )


@pytest.mark.parametrize("garbage", [b"\xff", b"\x0a\x05ab", b"\x22\x02\x0a\xff"])
def test_garbage_is_a_value_error(garbage: bytes) -> None:
    with pytest.raises(ValueError):
        CODEC.decode(garbage)


def test_health_that_is_not_known_is_a_value_error_but_evidence_may_grow() -> None:
    message = plan_pb2.ServicePlan.FromString(CODEC.encode(plan(endpoint())))
    message.endpoints[0].evidence = 99  # type: ignore[assignment] - no name for it yet
    assert CODEC.decode(message.SerializeToString()).endpoints[0].evidence is Evidence.NONE
    message.endpoints[0].health = 99  # type: ignore[assignment] - no name for it yet
    with pytest.raises(ValueError):
        CODEC.decode(message.SerializeToString())


def test_what_no_field_can_hold_is_an_error_of_that_entry() -> None:
    with pytest.raises(ValueError):
        CODEC.encode(plan(endpoint(zone="\ud800")))
    with pytest.raises(ValueError):
        CODEC.encode(plan(endpoint(weight=2**40)))
