"""The table that a drill prints, and the page that keeps the last one of each."""

from __future__ import annotations

import pytest

from sheetanchor.cli.drill.page import HEAD, with_section
from sheetanchor.cli.drill.row import Row, clean, table, timed

OLD = table([Row("a kill", "gone", "1.00 s", ok=True)])
NEW = table([Row("a kill", "gone", "2.00 s", ok=True)])


@pytest.mark.parametrize(
    ("seconds", "measured", "ok"),
    [
        (2.0, "2.00 s", True),
        (16.0, "16.00 s", True),
        (16.01, "16.01 s", False),
        (None, "not", False),
    ],
)
def test_what_took_too_long_or_was_not_seen_has_failed(
    seconds: float | None, measured: str, ok: bool
) -> None:
    row = timed("a kill", "it leaves", 16.0, seconds)
    assert row.ok is ok
    assert row.measured.startswith(measured)
    assert row.expected == "it leaves within 16 s"


@pytest.mark.parametrize(
    ("queries", "empty", "unanswered", "ok"),
    [(1000, 0, 0, True), (1000, 1, 0, False), (1000, 0, 1, False), (0, 0, 0, False)],
)
def test_one_bad_answer_is_too_many_and_none_asked_proves_nothing(
    queries: int, empty: int, unanswered: int, ok: bool
) -> None:
    assert clean(queries, empty, unanswered).ok is ok


def test_a_drill_run_again_has_one_section_and_the_others_stay() -> None:
    page = with_section(HEAD, "`one`", "First.", OLD)
    page = with_section(page, "`two`", "Second.", OLD)
    page = with_section(page, "`one`", "First.", NEW)
    assert page.count("## `one`") == page.count("## `two`") == 1
    assert page.index("`one`") < page.index("`two`")
    assert NEW in page
    assert page.count("1.00 s") == 1
    assert page.startswith(HEAD)
    assert with_section(page, "`one`", "First.", NEW) == page
