"""An operator diverts a cell's clients for a while, and no longer."""

from __future__ import annotations

import pytest

from registry.domain.diversion import Diversion, Span, admit, audited, diverted
from registry.domain.errors import InvalidField
from registry.domain.names import CellName

EAST, WEST = CellName("east"), CellName("west")
NOW = 100_000
OVER = Diversion(WEST, Span(1_000, NOW), "over")
ON = Diversion(WEST, Span(1_000, NOW + 1), "on")
OWN = Diversion(EAST, Span(1_000, NOW + 5), "own")
NEW = Diversion(EAST, Span(NOW, NOW + 60_000), "a drill")


@pytest.mark.parametrize(
    ("known", "seconds", "after"),
    [
        ((), 60.0, (NEW,)),
        ((OWN,), 60.0, (NEW,)),
        ((OWN,), 1.0, (Diversion(EAST, Span(NOW, NOW + 1_000), "a drill"),)),
        ((OWN, ON), 60.0, (NEW, ON)),
        ((OWN, OVER), 60.0, (NEW,)),
        ((OWN,), 0.0, ()),
        ((OWN, ON), 0.0, (ON,)),
        ((OVER,), 0.0, ()),
        ((), 0.0, ()),
    ],
)
def test_each_row_of_the_table(
    known: tuple[Diversion, ...], seconds: float, after: tuple[Diversion, ...]
) -> None:
    assert diverted(known, EAST, seconds, "a drill", NOW) == after


@pytest.mark.parametrize(
    ("seconds", "reason", "fields"),
    [
        (60.0, "a drill", []),
        (1.0, "a drill", []),
        (3600.0, "a drill", []),
        (0.0, "", []),
        (0.5, "a drill", ["duration"]),
        (-1.0, "a drill", ["duration"]),
        (3600.5, "a drill", ["duration"]),
        (60.0, " ", ["reason"]),
        (60.0, "a\x00b", ["reason"]),
        (60.0, "x" * 256, []),
        (60.0, "x" * 257, ["reason"]),
        (9999.0, "", ["duration", "reason"]),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_field(
    seconds: float, reason: str, fields: list[str]
) -> None:
    if not fields:
        admit(seconds, reason)
        return
    with pytest.raises(InvalidField) as caught:
        admit(seconds, reason)
    assert [violation.field for violation in caught.value.violations] == fields


@pytest.mark.parametrize(
    ("seconds", "told"), [(60.0, "from east for 60 s"), (1.5, "from east for 1.5 s")]
)
def test_the_audit_says_for_how_long(seconds: float, told: str) -> None:
    assert audited(EAST, seconds) == told


def test_the_audit_says_that_it_was_ended() -> None:
    """Not that it was begun for no time."""
    assert audited(EAST, 0.0) == "from east: ended"
