"""Metrics are named alike, have a unit and a sentence, and are told once."""

from __future__ import annotations

import re
from itertools import chain

from scripts.metrics_page import LISTS, Instrument, instruments

NAME = re.compile(r"sheetanchor\.(registry|frontend)(\.[a-z][a-z_]*)+")
# not "1": some versions of the exporter add "_ratio" to the name for it, others do not
UNIT = re.compile(r"s|By|\{[a-z]+\}")


def declared() -> list[Instrument]:
    """All instruments of both servers."""
    found = list(chain.from_iterable(instruments(path) for path in LISTS.values()))
    assert len(found) > 20
    return found


def test_names_units_and_descriptions_follow_the_convention() -> None:
    """`sheetanchor.SERVER.NOUN...`, a UCUM unit, a description without a full stop."""
    for instrument in declared():
        assert NAME.fullmatch(instrument.name), instrument
        assert UNIT.fullmatch(instrument.unit), instrument
        assert instrument.description, instrument
        assert not instrument.description.endswith("."), instrument


def test_no_name_is_used_twice() -> None:
    """Neither by OpenTelemetry's name nor by Prometheus's."""
    names = [instrument.name for instrument in declared()]
    assert sorted(names) == sorted(set(names))
    shown = [instrument.prometheus for instrument in declared()]
    assert sorted(shown) == sorted(set(shown))


def test_no_unit_is_repeated_in_a_name() -> None:
    """The exporter adds the unit and `_total` itself."""
    words = ("second", "seconds", "total", "bytes", "count")
    assert [i.name for i in declared() if i.name.rpartition(".")[2] in words] == []
