"""How much room there is, what an instance takes of it, and who is refused."""

from __future__ import annotations

from typing import Any

import pytest
from plan_samples import instance

from registry.domain.guard import Limits
from registry.domain.instance import Port
from registry.domain.names import CellName
from registry.domain.room import (
    MOST,
    NOTHING,
    Size,
    most_of,
    octets_of,
    place_of,
    refusal,
    size_of,
    wanted_by,
)

BARE: dict[str, Any] = {"zone": "", "addresses": (), "ports": (), "metadata": {}}
PLACE = place_of(instance().registration)
ROOM = Size(3, 1000)


@pytest.mark.parametrize(
    ("fields", "octets"),
    [
        pytest.param({}, 162, id="one of two letters and nothing else takes its numbers and name"),
        pytest.param({"zone": "eu-a"}, 166, id="a zone takes its letters"),
        pytest.param({"addresses": ("10.0.0.1",)}, 176, id="an address takes 6 beside itself"),
        pytest.param({"addresses": ("::1", "::2")}, 180, id="each address does"),
        pytest.param({"ports": (Port("main", 80),)}, 178, id="a port takes 12 beside its name"),
        pytest.param({"metadata": {"key": "v"}}, 178, id="a pair takes 12 beside its two texts"),
        pytest.param({"metadata": {"key": "ä"}}, 179, id="a value is counted in octets"),
    ],
)
def test_what_is_told_of_an_instance_takes_room(fields: dict[str, Any], octets: int) -> None:
    registration = instance(**{**BARE, **fields}).registration
    assert octets_of(registration) == octets
    assert size_of(registration) == (1, octets)


def test_the_endpoints_of_an_entry_have_what_its_policies_leave() -> None:
    """96 KiB of a MiB are for two policies as large as they may be."""
    assert Size(2000, (1024 - 96) * 1024) == MOST
    assert most_of(Limits(endpoints_per_service=7, entry_octets=100 * 1024)) == (7, 4 * 1024)


@pytest.mark.parametrize(
    ("size", "passes"),
    [
        pytest.param(NOTHING, False, id="nothing does not"),
        pytest.param(ROOM, False, id="all that there is does not"),
        pytest.param(Size(4, 1000), True, id="one endpoint more does"),
        pytest.param(Size(3, 1001), True, id="one octet more does"),
    ],
)
def test_a_size_passes_another_in_one_of_the_two_at_least(size: Size, passes: bool) -> None:
    assert size.passes(ROOM) is passes


def test_who_registers_again_wants_only_what_it_takes_more() -> None:
    """In another cell all of it is more: entries are of a cell."""
    now = instance(metadata={})
    grown = instance(metadata={"key": "v"}).registration
    elsewhere = instance(metadata={}, cell=CellName("eu-2")).registration
    size = size_of(grown)
    assert wanted_by(grown, size, None) == size
    assert wanted_by(grown, size, now) == (0, 16)
    before = instance(metadata={"key": "v"})
    assert wanted_by(now.registration, size_of(now.registration), before) == (0, -16)
    assert wanted_by(elsewhere, size_of(elsewhere), now) == size_of(elsewhere)


@pytest.mark.parametrize(
    ("there", "wanted", "field"),
    [
        pytest.param(Size(2, 900), Size(1, 100), None, id="what just fits is taken"),
        pytest.param(Size(3, 100), Size(1, 100), "parent", id="an endpoint too many is refused"),
        pytest.param(Size(2, 901), Size(1, 100), "instance", id="an octet too many is refused"),
        pytest.param(Size(9, 100), Size(0, 100), None, id="too many endpoints may grow in octets"),
        pytest.param(Size(2, 1500), Size(0, 0), None, id="what stays as large as it is may stay"),
        pytest.param(Size(2, 1500), Size(0, -1), None, id="what shrinks may, though it is beyond"),
        pytest.param(Size(2, 1500), Size(0, 1), "instance", id="what grows beyond is refused"),
    ],
)
def test_only_what_makes_a_full_entry_fuller_is_refused(
    there: Size, wanted: Size, field: str | None
) -> None:
    """I9, at the door: what a cell could not publish is not taken in."""
    found = refusal(PLACE, there, wanted, ROOM, "requests[7].")
    if field is None:
        assert found is None
        return
    assert found is not None
    assert found.field == f"requests[7].{field}"
    assert found.retry_after_seconds == 30.0
    at = 0 if field == "parent" else 1
    told = (found.details["present"], found.details["wanted"], found.details["limit"])
    assert told == (str(there[at]), str(wanted[at]), str(ROOM[at]))
