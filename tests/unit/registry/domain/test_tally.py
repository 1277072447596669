"""What a registration has room for, and when that has to be looked at where it is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_samples import CART, instance

from registry.adapters.store.rows import encode_instance
from registry.domain.instance import Instance, Port
from registry.domain.names import CellName, Incarnation, Revision
from registry.domain.operation import Deregister, Register
from registry.domain.room import (
    FIXED_OCTETS,
    NOTHING,
    Place,
    Size,
    octets_of,
    refusal,
    size_of,
    wanted_by,
)
from registry.domain.tally import Tally, crowded, places_of, unheard_of

PLACE: Place = (CART, CellName("eu"))
MOST = Size(10, 1000)


@pytest.mark.parametrize(
    ("there", "wanted", "field"),
    [
        (Size(9, 900), Size(1, 100), ""),
        (Size(10, 500), Size(1, 100), "requests[3].parent"),
        (Size(9, 901), Size(1, 100), "requests[3].instance"),
        (Size(10, 1000), Size(0, 0), ""),
        (Size(10, 1000), Size(0, 1), "requests[3].instance"),
        # beyond already, by another way: it makes nothing worse
        (Size(12, 1200), Size(0, 0), ""),
        (Size(12, 900), Size(0, 50), ""),
        (Size(12, 1200), Size(0, -50), ""),
        (Size(12, 900), Size(1, 50), "requests[3].parent"),
        (Size(2, 1200), Size(1, -50), ""),
    ],
)
def test_what_makes_an_entry_too_large_is_refused_and_nothing_else(
    there: Size, wanted: Size, field: str
) -> None:
    """The table of `refusal`."""
    found = refusal(PLACE, there, wanted, MOST, "requests[3].")
    assert (found.field if found else "") == field


def test_who_is_there_already_wants_the_difference_and_in_another_cell_all() -> None:
    one = instance("i1", metadata={"k": "v" * 40})
    size = size_of(one.registration)
    less = instance("i1", metadata={}, uid="other")
    elsewhere = instance("i1", metadata={}, cell=CellName("us"))
    assert wanted_by(one.registration, size, None) == size
    assert wanted_by(one.registration, size, one) == NOTHING
    assert wanted_by(one.registration, size, less) == Size(0, 53)
    assert wanted_by(one.registration, size, elsewhere) == size


def register(of: Instance) -> Register:
    return Register(of.registration, of.incarnation, "")


TALLY = Tally(Revision(7), MOST, {PLACE: Size(6, 600)}, {PLACE: Size(2, 200)})


@pytest.mark.parametrize(
    ("known", "unheard", "is_crowded"),
    [
        (None, None, True),
        (None, NOTHING, True),
        (TALLY, None, True),
        (TALLY, NOTHING, False),
        (TALLY, Size(2, 200), False),
        (TALLY, Size(3, 0), True),
        (TALLY, Size(0, 201), True),
        (replace(TALLY, promised={}), Size(4, 400), False),
        (replace(TALLY, promised={}), Size(5, 0), True),
    ],
)
def test_an_entry_is_looked_at_unless_it_has_room_whatever_came(
    known: Tally | None, unheard: Size | None, is_crowded: bool
) -> None:
    """The table of `crowded`."""
    operations = [register(instance("i1")), Deregister(instance("i2").key, Incarnation("u"))]
    assert crowded(operations, known, unheard) == ({PLACE} if is_crowded else frozenset())


def test_only_registrations_make_an_entry_larger() -> None:
    there = instance("i1", cell=CellName("us"))
    assert places_of([Deregister(there.key, there.incarnation)]) == frozenset()
    assert places_of([register(there), register(instance())]) == {PLACE, (CART, CellName("us"))}


@given(
    addresses=st.lists(st.ip_addresses().map(str), min_size=1, max_size=8),
    ports=st.lists(st.builds(Port, st.from_regex(r"[a-z]{1,9}", fullmatch=True), st.just(1))),
    metadata=st.dictionaries(st.text("kK-._/", min_size=1), st.text(max_size=512), max_size=8),
)
def test_the_history_never_holds_less_than_an_instance_takes(
    addresses: list[str], ports: list[Port], metadata: Mapping[str, str]
) -> None:
    """So a node that knows how much history it has not heard of knows enough."""
    came = instance("i1", addresses=tuple(addresses), ports=tuple(ports), metadata=metadata)
    size = size_of(came.registration)
    assert size == Size(1, octets_of(came.registration))
    characters = len(encode_instance(came))
    unheard = unheard_of(TALLY, Revision(8), characters)
    assert unheard == Size(1, FIXED_OCTETS + 4 * characters)
    assert not size.passes(unheard)
