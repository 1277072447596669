"""What the demo makes of what its clients saw."""

from __future__ import annotations

from sheetanchor.cli.demo.report import WIDTH, Moment, Report
from sheetanchor.cli.demo.track import Track

EAST, WEST = frozenset({"127.1.0.1", "127.1.0.2"}), frozenset({"127.2.0.1"})


def test_only_changes_are_kept_and_every_question_is_counted() -> None:
    """A hundred equal answers are one entry."""
    track = Track("east", "east")
    for tick in range(100):
        track.saw(float(tick), EAST, 0.001)
    track.saw(100.0, WEST, 0.2)
    assert track.queries == 101
    assert track.changes == [(0.0, EAST), (100.0, WEST)]
    assert track.longest_seconds == 0.2


def test_move_counts_from_when_the_last_dead_address_was_out_for_good() -> None:
    """An answer that goes back and forth has not moved at the first time."""
    track = Track("east", "east")
    track.saw(1.0, EAST, 0.001)
    assert track.within_since(WEST) is None
    track.saw(2.0, WEST, 0.001)
    track.saw(3.0, EAST, 0.001)
    assert track.within_since(WEST) is None
    track.saw(4.0, WEST, 0.001)
    track.saw(5.0, WEST, 0.001)
    assert track.within_since(WEST) == 4.0


def test_one_empty_answer_fails_the_demo_and_is_told() -> None:
    """However many good ones stand beside it."""
    track = Track("west", "west")
    for tick in range(1000):
        track.saw(float(tick), WEST, 0.001)
    report = Report("name", began=500.0, tracks=(track,))
    assert report.ok
    track.saw_none(501.5, "NXDOMAIN", 0.001)
    assert not report.ok
    assert report.empty_or_negative == report.as_json()["empty_or_negative"] == 1
    (why,) = report.why()
    assert "NXDOMAIN at 1.50 s" in why
    assert why in report.as_text().replace("\n        ", " ")


def test_question_without_an_answer_fails_the_demo_as_well() -> None:
    """A frontend that is silent gives no empty answers."""
    track = Track("west", "west")
    track.saw_nothing(1.0, "no answer within 2 s")
    report = Report("name", tracks=(track,))
    assert not report.ok
    assert report.unanswered == 1


def test_lines_fit_a_terminal_of_80_columns() -> None:
    """The timeline as well as the summary."""
    track = Track("west", "west")
    for _ in range(9):
        track.saw_none(123.0, "SERVFAIL", 0.001)
    report = Report("name", tracks=(track,), failure="frontend west ended by itself: SIGKILL " * 3)
    lines = [*report.as_text().splitlines(), *str(Moment(12.5, "x", "word " * 40)).splitlines()]
    assert max(map(len, lines)) <= WIDTH
