"""The table of leases: which are due, and when."""

from __future__ import annotations

import pytest

from registry.domain.leases import AGAIN_SECONDS, SPREAD, Lease, LeaseTable
from registry.domain.names import (
    CellName,
    Incarnation,
    InstanceId,
    InstanceKey,
    NamespaceId,
    ServiceId,
)

EU, US = CellName("eu"), CellName("us")


def lease(number: int, deadline: float = 0.0, ttl: float = 15.0, cell: CellName = EU) -> Lease:
    key = InstanceKey(NamespaceId("n"), ServiceId("s"), InstanceId(f"i{number}"))
    return Lease(Incarnation(f"u{number}"), key, cell, number, ttl, deadline, 0)


def past(table: LeaseTable, now: float, cell: CellName = EU, limit: int = 1000) -> list[int]:
    return [ended.id for ended in table.due(cell, now, limit)]


def test_nothing_is_due_before_one_ttl_from_the_start() -> None:
    table = LeaseTable()
    table.add(lease(1, deadline=0.0, ttl=15.0))
    assert past(table, 14.999) == []
    assert past(table, 15.0 * (1 + SPREAD)) == [1]


def test_a_renewal_puts_the_end_one_ttl_from_then() -> None:
    table = LeaseTable()
    table.add(lease(1, deadline=100.0))
    assert table.renew(Incarnation("u1"), 99.0) is not None
    assert past(table, 113.99) == []
    assert past(table, 114.0) == [1]


def test_renewing_a_stranger_does_nothing() -> None:
    assert LeaseTable().renew(Incarnation("u1"), 1.0) is None


def test_the_longest_ended_come_first_and_no_more_than_asked_for() -> None:
    table = LeaseTable()
    for number in (3, 1, 2):
        table.add(lease(number, deadline=100.0 + number))
    assert past(table, 200.0, limit=2) == [1, 2]
    assert past(table, 200.0, limit=2) == [3]


def test_one_that_nobody_settled_comes_up_again() -> None:
    table = LeaseTable()
    table.add(lease(1, deadline=100.0))
    assert past(table, 100.0) == [1]
    assert past(table, 100.0 + AGAIN_SECONDS / 2) == []
    assert past(table, 100.0 + AGAIN_SECONDS) == [1]
    assert AGAIN_SECONDS <= 1.0, "a lease that ended is settled within a second or two"


def test_cells_are_apart() -> None:
    table = LeaseTable()
    table.add(lease(1, deadline=100.0))
    table.add(lease(2, deadline=100.0, cell=US))
    assert past(table, 200.0, US) == [2]
    assert past(table, 200.0, CellName("none")) == []


def test_a_removed_lease_is_never_due_even_if_its_like_comes_back() -> None:
    table = LeaseTable()
    table.add(lease(1, deadline=100.0))
    assert table.remove(Incarnation("u1")) is not None
    assert table.remove(Incarnation("u1")) is None
    table.add(lease(1, deadline=300.0))
    assert past(table, 200.0) == []
    assert past(table, 300.0) == [1]


def test_at_the_start_the_first_lease_ends_with_its_ttl_and_the_last_a_quarter_later() -> None:
    """Nothing is granted on top but each lease's own share."""
    table = LeaseTable()
    ends = sorted(table.end_seconds(lease(number)) for number in range(200))
    assert 15.0 <= ends[0] < 15.1
    assert 18.65 < ends[-1] <= 18.75


# end_seconds
@pytest.mark.parametrize(
    ("deadline", "floor", "lead", "least", "most"),
    [
        pytest.param(100.0, 0.0, None, 100.0, 100.0, id="its last renewal here"),
        pytest.param(100.0, 90.0, None, 105.0, 108.75, id="the last outage"),
        pytest.param(100.0, 0.0, 90.0, 105.0, 108.75, id="the begin of the lead"),
        pytest.param(100.0, 40.0, 90.0, 105.0, 108.75, id="of these two, the later: the lead"),
        pytest.param(100.0, 90.0, 40.0, 105.0, 108.75, id="of these two, the later: the outage"),
        pytest.param(110.0, 90.0, 90.0, 110.0, 110.0, id="a renewal after both"),
        pytest.param(100.0, 80.0, 80.0, 100.0, 100.0, id="both long over"),
    ],
)
def test_every_row_of_when_a_lease_ends(
    deadline: float, floor: float, lead: float | None, least: float, most: float
) -> None:
    table = LeaseTable()
    table.raise_floor(floor)
    if lead is not None:
        table.begin_lead(EU, lead)
    uid = Incarnation("u37")
    one = lease(37, deadline)
    assert one.uid == uid
    assert least <= table.end_seconds(one) <= most


def test_a_cell_knows_how_many_leases_it_has() -> None:
    table = LeaseTable()
    assert table.count(EU) == 0
    for number in range(3):
        table.add(lease(number))
    table.add(lease(9, cell=US))
    table.remove(Incarnation("u1"))
    table.remove(Incarnation("u1"))
    assert (table.count(EU), table.count(US)) == (2, 1)


def test_a_lease_is_itself_alone_and_serves_unless_its_owner_says_otherwise() -> None:
    assert lease(1) != lease(1)
    assert not lease(1).unserving


def test_after_an_outage_expiries_are_spread_over_a_share_of_the_ttl() -> None:
    table = LeaseTable(seed=7)
    for number in range(200):
        table.add(lease(number, deadline=101.0))
    table.raise_floor(100.0)
    ends = sorted(table.end_seconds(one) for one in table.leases.values())
    assert ends[0] >= 115.0
    assert ends[-1] <= 115.0 + 15.0 * SPREAD
    assert ends[-1] - ends[0] > 15.0 * SPREAD * 0.9
    halfway = 115.0 + 15.0 * SPREAD / 2
    assert 70 < len(past(table, halfway)) < 130


def test_a_new_lead_gives_every_lease_of_the_cell_a_full_ttl_and_its_share() -> None:
    """I23: who heard renewals before may have been asleep."""
    table = LeaseTable()
    for number in range(200):
        table.add(lease(number, deadline=100.0))
    table.add(lease(1000, deadline=100.0, cell=US))
    table.begin_lead(EU, 99.0)
    assert past(table, 100.0, US) == [1000], "another cell's leader goes on"
    assert past(table, 113.99) == []
    halfway = past(table, 99.0 + 15.0 * (1 + SPREAD / 2))
    assert 60 < len(halfway) < 140
    assert {*halfway, *past(table, 99.0 + 15.0 * (1 + SPREAD))} == set(range(200))


def test_the_spread_is_another_for_another_seed() -> None:
    ends = []
    for seed in (1, 2):
        table = LeaseTable(seed)
        table.add(lease(1))
        ends.append(table.end_seconds(lease(1)))
    assert ends[0] != ends[1]


def test_leases_coming_and_going_leave_nothing_behind() -> None:
    """A follower never asks what is due; its memory must not grow by that."""
    table = LeaseTable()
    table.add(lease(0, deadline=100.0))
    for number in range(1, 100):
        table.add(lease(number, deadline=200.0))
    for number in range(100, 5000):
        table.add(lease(number))
        table.remove(Incarnation(f"u{number}"))
        assert len(table._heaps[EU]) <= 2 * table.count(EU) + 64
    assert past(table, 150.0) == [0], "what was tidied away was the others'"


def test_most_removals_cost_one_lease_and_not_all() -> None:
    table = LeaseTable()
    table.add(lease(0))
    rebuilt, before = 0, table._heaps[EU]
    for number in range(1, 1001):
        table.add(lease(number))
        table.remove(Incarnation(f"u{number}"))
        rebuilt += table._heaps[EU] is not before
        before = table._heaps[EU]
    assert 1000 / 80 < rebuilt < 1000 / 50


@pytest.mark.parametrize("floor", [50.0, 10.0])
def test_the_floor_never_falls(floor: float) -> None:
    table = LeaseTable()
    table.raise_floor(50.0)
    table.raise_floor(floor)
    assert table.end_seconds(lease(1)) >= 65.0
