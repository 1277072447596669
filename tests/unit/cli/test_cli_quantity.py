"""Numbers and their nouns and verbs agree."""

from __future__ import annotations

import pytest

from sheetanchor.cli.quantity import counted, were


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 answers were"), (1, "1 answer was"), (2, "2 answers were"), (21, "21 answers were")],
)
def test_one_is_not_written_as_several(number: int, text: str) -> None:
    assert f"{counted(number, 'answer')} {were(number)}" == text
