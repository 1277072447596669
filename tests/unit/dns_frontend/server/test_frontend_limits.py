"""Bookkeeping of TCP connections."""

from __future__ import annotations

import pytest

from dns_frontend.server.limits import Connections, TcpLimits


def test_a_client_is_admitted_up_to_its_cap_and_again_after_leaving() -> None:
    known: Connections[str] = Connections(TcpLimits(connections_per_client=2))
    for name in ("a", "b"):
        assert known.admits("192.0.2.1")
        known.add(name, "192.0.2.1", 0.0)
    assert not known.admits("192.0.2.1")
    assert known.admits("192.0.2.2")
    known.remove("a")
    known.remove("a")
    assert known.admits("192.0.2.1")
    known.add("c", "192.0.2.1", 0.0)
    assert not known.admits("192.0.2.1")


def test_the_longest_idle_one_is_the_surplus() -> None:
    known: Connections[str] = Connections(TcpLimits(connections=2))
    known.add("a", "x", 0.0)
    assert known.surplus() is None
    known.add("b", "x", 1.0)
    assert known.surplus() == "a"
    known.touch("a", 2.0)
    assert known.surplus() == "b"


def test_idle_ones_are_named_longest_first_and_only_when_their_time_is_over() -> None:
    known: Connections[str] = Connections(TcpLimits(idle_seconds=10.0))
    for time, name in enumerate("abc"):
        known.add(name, "x", float(time))
    assert known.idle(9.9) == []
    assert known.idle(11.0) == ["a", "b"]
    known.touch("a", 11.0)
    assert known.idle(12.0) == ["b", "c"]


def test_what_is_gone_is_not_touched_back_to_life() -> None:
    known: Connections[str] = Connections(TcpLimits())
    known.add("a", "x", 0.0)
    known.remove("a")
    known.touch("a", 1.0)
    assert len(known) == 0
    assert list(known) == []


@pytest.mark.parametrize(
    ("open_files", "connections", "alone", "backlog"),
    [
        (1_048_576, 1024, 32, 1024),
        (64 + 1024 + 1024, 1024, 32, 1024),
        (64 + 1024 + 1023, 1024, 32, 511),
        (1024, 720, 32, 240),
        (100, 27, 13, 9),
        (64, 4, 2, 2),
        (40, 4, 2, 2),
    ],
)
def test_connections_leave_files_to_everything_else(
    open_files: int, connections: int, alone: int, backlog: int
) -> None:
    """With those that come at a stroke; few are taken however low the limit is."""
    found = TcpLimits().within(open_files)
    assert (found.connections, found.connections_per_client, found.backlog) == (
        *(connections, alone),
        backlog,
    )
    assert open_files < 64 + 6 or found.connections + found.backlog <= open_files - 64


def test_a_share_that_fits_stays_as_it_is() -> None:
    """What was asked for is never raised."""
    share = TcpLimits(connections=8, connections_per_client=3, backlog=8)
    assert share.within(1024) is share
    assert share.within(70) == TcpLimits(connections=4, connections_per_client=2, backlog=2)
