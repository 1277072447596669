"""What a drill concludes from the answers that it saw."""

from __future__ import annotations

from math import inf

import pytest

from sheetanchor.cli.demo.track import Track
from sheetanchor.cli.drill import census as module
from sheetanchor.cli.drill.census import Census

A, B, C = "127.1.1.1", "127.1.1.2", "127.1.1.3"


@pytest.fixture
def census() -> Census:
    return Census(53, "127.0.0.1", {"x.": frozenset({A, B}), "y.": frozenset({C})})


def saw(census: Census, name: str, at: float, *addresses: str) -> None:
    census.tracks[name].saw(at, frozenset(addresses), 0.001)


def test_it_is_complete_when_each_name_has_all_of_its_own(census: Census) -> None:
    saw(census, "x.", 1.0, A, B)
    assert not census.complete
    saw(census, "y.", 1.1, C)
    assert census.complete
    saw(census, "x.", 2.0, A)
    assert not census.complete


def test_the_least_is_of_all_names_at_one_time(census: Census) -> None:
    saw(census, "x.", 1.0, A, B)
    saw(census, "y.", 1.0, C)
    saw(census, "x.", 5.0, A)
    saw(census, "x.", 9.0, A, B)
    assert census.least_since(2.0) == 2
    assert census.least_since(6.0) == 2, "it began with what was answered then"
    assert census.least_since(9.5) == 3
    assert census.smallest_since(2.0) == 1


def test_those_gone_are_in_no_answer(census: Census) -> None:
    saw(census, "x.", 1.0, A, B)
    saw(census, "y.", 1.0, C)
    assert census.gone(frozenset({A, C})) == frozenset()
    saw(census, "x.", 4.0, B)
    assert census.gone(frozenset({A, C})) == {A}


async def test_turns_are_as_far_apart_as_what_was_seen_allows(
    census: Census, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two answers nobody looked: no more than what is certain is held against it."""
    answers = iter([(10.0, {A, B}), (11.0, {A}), (19.0, {A}), (20.0, {A, B})])
    now = 9.5

    async def ask(_sock: object, _port: int, _name: str, track: Track) -> None:
        nonlocal now
        now, addresses = next(answers)
        track.saw(now, frozenset(addresses), 0.001)

    monkeypatch.setattr(module, "ask", ask)
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    for _ in range(3):
        await census._look(None, "x.", census.tracks["x."])
    assert census.closest_turns() == inf, "it went, and did not come back so far"
    await census._look(None, "x.", census.tracks["x."])
    # it went after 9.5, when it was still answered with, and was back by 20.0
    assert census.closest_turns() == 10.5
    census.forget_turns()
    assert census.closest_turns() == inf
