"""Whom a stale plan's answers prefer, where the frontend itself has looked: every row."""

from __future__ import annotations

import pytest
from answer_samples import endpoint

from dns_frontend.plan.failover import Choice, Rule, ServingMode
from dns_frontend.plan.living import prefer_living

A, B, C = (endpoint(name, incarnation=f"u-{name}") for name in "abc")


def choice(*endpoints: object, beside: tuple[object, ...] = ()) -> Choice:
    return Choice("east", endpoints, ServingMode.NORMAL, Rule.STANDS_IN, beside)  # type: ignore[arg-type]  # samples are endpoints


@pytest.mark.parametrize(
    ("stale", "lost", "after"),
    [
        (set(), {A.incarnation}, choice(A, B, beside=(("west", (C,)),))),
        ({"west"}, {A.incarnation}, choice(A, B, beside=(("west", (C,)),))),
        ({"east"}, set(), choice(A, B, beside=(("west", (C,)),))),
        ({"east"}, {A.incarnation}, choice(B, beside=(("west", (C,)),))),
        ({"east"}, {A.incarnation, C.incarnation}, choice(B, beside=(("west", (C,)),))),
        ({"east"}, {A.incarnation, B.incarnation}, choice(A, B, beside=(("west", (C,)),))),
        ({"east", "west"}, {B.incarnation, C.incarnation}, choice(A, beside=(("west", (C,)),))),
    ],
)
def test_every_row(stale: set[str], lost: set[str], after: Choice) -> None:
    """All lost is as planned (I7); what is confirmed is its registry's to judge."""
    before = choice(A, B, beside=(("west", (C,)),))
    found = prefer_living(before, stale, lost)
    assert found == after
    assert found is before or (stale and lost), "at no cost where nothing is stale, or lost"
