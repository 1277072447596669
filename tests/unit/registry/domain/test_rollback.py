"""What going back to an older generation does is told before it is done (I41)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from plan_samples import endpoint, named, plan, tombstoned

from registry.domain.cell_plan import Entry
from registry.domain.diversion import Span
from registry.domain.health import Evidence, Health
from registry.domain.names import Generation
from registry.domain.plan import ServicePlan
from registry.domain.rollback import Turnover, rollback_effects, turnover

SEVEN = Generation(7)


def entries(*plans: ServicePlan) -> dict[str, Entry]:
    """By the services' names, with octets that tell them apart."""
    return {each.key.entry: Entry(each, repr(each).encode()) for each in plans}


def told(now: dict[str, Entry], then: dict[str, Entry]) -> list[str]:
    """The effects, with short names."""
    return [line.replace("shop/", "") for line in rollback_effects(now, then, SEVEN, 1_000)]


def test_what_goes_comes_changes_and_stays_is_counted() -> None:
    """By instance; over all services first, then for each that goes back."""
    sick = endpoint("b", Health.UNHEALTHY, Evidence.REFUSED)
    now = entries(named(1, plan(endpoint("a"), sick, endpoint("c"))), named(2, plan(endpoint("x"))))
    then = entries(
        named(1, plan(endpoint("b"), endpoint("c"), endpoint("d"), endpoint("e"))),
        named(2, plan(endpoint("x"))),
    )
    assert told(now, then) == [
        "1 service goes back, 1 stays; 1 endpoint goes, 2 come, 1 changes, 2 stay",
        "s1: as it was then: 1 endpoint goes, 2 come, 1 changes, 1 stays",
    ]


def test_what_stays_as_it_is_is_told_with_the_reason() -> None:
    """No rollback empties a name (I7)."""
    new, emptied = named(1, plan(endpoint("a"))), named(2, plan(endpoint("b"), endpoint("c")))
    unread = named(3, plan(endpoint("d")))
    now = entries(new, emptied, unread, named(4, tombstoned()))
    then = {
        **entries(named(2, plan())),
        unread.key.entry: Entry(None, b"from the future"),
    }
    assert told(now, then) == [
        "0 services go back, 3 stay; 0 endpoints go, 0 come, 0 change, 4 stay",
        "s1: stays as it is: 7 does not have it",
        "s2: stays as it is: 7 would leave it without an endpoint",
        "s3: stays as it is: what 7 says of it cannot be read",
    ]


def test_what_was_deleted_since_comes_back() -> None:
    """Its endpoints come."""
    deleted = named(1, tombstoned())
    assert told(entries(deleted), entries(named(1, plan(endpoint("a"))))) == [
        "1 service goes back, 0 stay; 0 endpoints go, 1 comes, 0 change, 0 stay",
        "s1: as it was then: 0 endpoints go, 1 comes, 0 change, 0 stay",
    ]


@pytest.mark.parametrize(
    ("now", "then", "said"),
    [
        pytest.param(None, Span(1, 1_000), "", id="that of then is over"),
        pytest.param(Span(1, 2_000), Span(1, 2_000), "", id="the same"),
        pytest.param(Span(1, 1_000), None, "", id="that of now is over"),
        pytest.param(Span(1, 2_000), None, "; it is diverted no more", id="it runs"),
        pytest.param(Span(1, 2_000), Span(1, 9), "; it is diverted no more", id="both, one over"),
        pytest.param(None, Span(1, 2_000), "; it is diverted as it was then", id="then alone"),
        pytest.param(
            Span(1, 3_000), Span(1, 2_000), "; it is diverted as it was then", id="another"
        ),
    ],
)
def test_a_diversion_that_ends_or_comes_again_is_told(
    now: Span | None, then: Span | None, said: str
) -> None:
    """Whoever sent clients elsewhere may be another, and still want it."""
    one = named(1, plan(endpoint("a"), endpoint("b")))
    other = named(1, plan(endpoint("a")))
    effects = told(
        entries(replace(one, diversion=now)),
        entries(replace(other, diversion=then)),
    )
    assert effects[1:] == [f"s1: as it was then: 1 endpoint goes, 0 come, 0 change, 1 stays{said}"]


def test_of_many_services_the_first_are_shown_and_the_rest_counted() -> None:
    """A preview is read, on a terminal."""
    now = entries(*(named(n, plan(endpoint("a"))) for n in range(40)))
    then = entries(*(named(n, plan(endpoint("b"))) for n in range(20)))
    shown = told(now, then)
    assert shown[0] == "20 services go back, 20 stay; 20 endpoints go, 20 come, 0 change, 20 stay"
    assert shown[13] == "and 8 more services that go back"
    assert shown[-1] == "and 8 more services that stay as they are"
    assert len(shown) == 1 + 2 * 13


def test_a_service_that_is_in_neither_turns_nothing_over() -> None:
    """Nor does one whose octets are not understood."""
    assert turnover(None, None) == turnover(Entry(None, b"?"), None) == Turnover()
