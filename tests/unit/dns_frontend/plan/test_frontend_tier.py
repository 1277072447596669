"""What may be done with an endpoint: every row of the table."""

from __future__ import annotations

from dataclasses import replace

import pytest
from answer_samples import endpoint, entry

from dns_frontend.plan.entry import Health
from dns_frontend.plan.failover import Tier
from dns_frontend.plan.standing import OUT
from dns_frontend.plan.tier import tier_of

PLACES = ("healthy", "unhealthy", "leaving", "unknown")


@pytest.mark.parametrize(
    ("health", "held", "tombstoned", "place"),
    [
        (Health.HEALTHY, False, True, None),
        (Health.UNKNOWN, False, True, None),
        (Health.UNKNOWN, False, False, "unknown"),
        (Health.UNKNOWN, True, False, "unknown"),
        (Health.HEALTHY, True, False, "leaving"),
        (Health.UNHEALTHY, True, False, "leaving"),
        (Health.DRAINING, True, False, "leaving"),
        (Health.DRAINING, False, False, "leaving"),
        (Health.HEALTHY, False, False, "healthy"),
        (Health.UNHEALTHY, False, False, "unhealthy"),
    ],
)
def test_every_row(health: Health, held: bool, tombstoned: bool, place: str | None) -> None:
    one = endpoint("one", health=health)
    said = replace(entry(one), held=held, tombstoned=tombstoned)
    found = tier_of("east", None, [said], (), frozenset())
    assert [name for name in PLACES if getattr(found, name)] == ([] if place is None else [place])


def test_a_tier_is_of_all_cells_of_its_region_in_their_order() -> None:
    one, two, past = endpoint("one"), endpoint("two"), endpoint("past")
    gone = replace(entry(endpoint("gone")), tombstoned=True)
    found = tier_of("east", OUT, [entry(one), gone, entry(two)], [past], frozenset({"u"}))
    assert found == Tier("east", OUT, (one, two), remembered=(past,), good=frozenset({"u"}))
