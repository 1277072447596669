"""What is told of refused entries: by name, within bounds, as text that any database keeps."""

from __future__ import annotations

from registry.domain.refused_entry import REASON_LIMIT, TOLD_LIMIT, told


def test_they_are_told_by_name() -> None:
    found = told({"b/a": ("limit", "too large"), "a/b": ("malformed", "no name")})
    assert [(each.service.entry, each.rule, each.reason) for each in found] == [
        ("a/b", "malformed", "no name"),
        ("b/a", "limit", "too large"),
    ]


def test_of_many_the_first_are_told() -> None:
    found = told({f"a/s{number:03}": ("limit", "") for number in range(TOLD_LIMIT + 1)})
    assert [each.service.service for each in found] == [f"s{n:03}" for n in range(TOLD_LIMIT)]


def test_a_reason_is_cut_and_has_nothing_that_no_database_holds() -> None:
    longest = "x" * REASON_LIMIT
    reasons = {"a/a": "nul \0 and \ud800", "a/b": longest, "a/c": f"{longest}x"}
    first, second, third = told({key: ("limit", text) for key, text in reasons.items()})
    assert first.reason == "nul   and  "
    assert second.reason == longest
    assert third.reason == f"{longest[:-3]}..."
