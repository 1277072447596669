"""What a frontend's own tries amount to: every row of the tables."""

from __future__ import annotations

import pytest

from dns_frontend.plan.sight import NO_OPINION, Opinion, Seen, form, worst_of

WELL, REFUSED, TIMEOUT, NOTHING = Seen.WELL, Seen.REFUSED, Seen.TIMEOUT, Seen.NOTHING


@pytest.mark.parametrize(
    ("opinion", "result", "after"),
    [
        (Opinion(WELL, 2), NOTHING, Opinion(WELL, 2)),
        (Opinion(TIMEOUT, 1), NOTHING, Opinion(TIMEOUT, 1)),
        (NO_OPINION, NOTHING, NO_OPINION),
        (NO_OPINION, WELL, Opinion(WELL)),
        (NO_OPINION, TIMEOUT, NO_OPINION),
        (NO_OPINION, REFUSED, NO_OPINION),
        (Opinion(WELL, 2), WELL, Opinion(WELL)),
        (Opinion(WELL), TIMEOUT, Opinion(WELL, 1)),
        (Opinion(WELL, 1), REFUSED, Opinion(WELL, 2)),
        (Opinion(WELL, 2), TIMEOUT, Opinion(TIMEOUT)),
        (Opinion(WELL, 2), REFUSED, Opinion(REFUSED)),
        (Opinion(TIMEOUT, 1), REFUSED, Opinion(TIMEOUT)),
        (Opinion(REFUSED), WELL, Opinion(REFUSED, 1)),
        (Opinion(REFUSED, 1), WELL, Opinion(WELL)),
    ],
)
def test_every_row(opinion: Opinion, result: Seen, after: Opinion) -> None:
    assert form(opinion, result) == after


@pytest.mark.parametrize(
    ("results", "of_all"),
    [
        ([], NOTHING),
        ([WELL], WELL),
        ([WELL, WELL], WELL),
        ([WELL, NOTHING], NOTHING),
        ([NOTHING, TIMEOUT, WELL], TIMEOUT),
        ([TIMEOUT, REFUSED], REFUSED),
    ],
)
def test_an_endpoint_is_as_well_as_its_worst_address(results: list[Seen], of_all: Seen) -> None:
    assert worst_of(results) is of_all
