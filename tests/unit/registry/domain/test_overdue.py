"""A lease that ended while the instance answers: every row of the table (I14)."""

from __future__ import annotations

import pytest

from registry.domain.overdue import LONGEST_SECONDS, PATIENCE_SECONDS, must_expire


@pytest.mark.parametrize(
    ("vouched", "overdue_seconds", "overdue_count", "lease_count", "expire"),
    [
        (False, 0.0, 100, 100, True),
        (False, 0.0, 1, 1, True),
        (True, 0.0, 1, 1, False),
        (True, 5.0, 1, 1, True),
        (True, 600.0, 50, 50, True),
        (True, PATIENCE_SECONDS - 0.1, 1, 3, False),
        (True, PATIENCE_SECONDS, 1, 3, True),
        (True, PATIENCE_SECONDS, 20, 100, True),
        (True, PATIENCE_SECONDS, 21, 100, False),
        (True, PATIENCE_SECONDS, 2, 3, False),
        (True, LONGEST_SECONDS - 0.1, 100, 100, False),
        (True, LONGEST_SECONDS, 100, 100, True),
    ],
)
def test_every_row(
    vouched: bool, overdue_seconds: float, overdue_count: int, lease_count: int, expire: bool
) -> None:
    assert (
        must_expire(
            vouched=vouched,
            overdue_seconds=overdue_seconds,
            overdue_count=overdue_count,
            lease_count=lease_count,
        )
        is expire
    )
