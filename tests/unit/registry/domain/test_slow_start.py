"""Slow start by weight: every row of the tables."""

from __future__ import annotations

import pytest

from registry.domain.slow_start import share, weights


@pytest.mark.parametrize(
    ("up_for", "slow_start", "wanted"),
    [
        (0.0, 0.0, 1.0),
        (-3.0, 0.0, 1.0),
        (5.0, 0.0, 1.0),
        (0.05, 0.5, 0.2),
        (100.0, 100.0, 1.0),
        (101.0, 100.0, 1.0),
        (-3.0, 100.0, 0.1),
        (0.0, 100.0, 0.1),
        (9.9, 100.0, 0.1),
        (10.0, 100.0, 0.2),
        (55.0, 100.0, 0.6),
        (99.0, 100.0, 1.0),
        (float("inf"), 100.0, 1.0),
    ],
)
def test_a_share_rises_in_tenths(up_for: float, slow_start: float, wanted: float) -> None:
    assert share(up_for, slow_start) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("registered", "shares", "wanted"),
    [
        ((), (), ()),
        ((1, 3), (1.0, 1.0), (1, 3)),
        ((1, 3), (0.1, 1.0), (10, 300)),
        ((1, 1, 1), (0.5, 1.0, 0.2), (50, 100, 20)),
        ((1, 6554), (0.5, 1.0), (4, 58986)),
        ((1, 65535), (0.1, 1.0), (1, 65535)),
        ((1024,), (0.5,), (32_256,)),
        ((3, 21845), (0.5, 1.0), (4, 65535)),
        ((3, 21846), (0.5, 1.0), (3, 43692)),
    ],
)
def test_weights_keep_their_proportions_and_their_bounds(
    registered: tuple[int, ...], shares: tuple[float, ...], wanted: tuple[int, ...]
) -> None:
    assert weights(registered, shares) == wanted
