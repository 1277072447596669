"""Page tokens come back as they were made, or not at all."""

from __future__ import annotations

import pytest

from registry.adapters.rpc.page_token import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, PageTokens, page_size
from registry.domain.errors import InvalidField, PageTokenInvalid

TOKENS = PageTokens(b"key")


def test_a_token_leads_to_where_it_was_made() -> None:
    token = TOKENS.make("services of a", ("a", "b"))
    assert TOKENS.read("services of a", token, 2) == ("a", "b")


def test_no_token_means_the_first_page() -> None:
    assert TOKENS.read("services of a", "", 2) is None


def test_a_token_is_no_plain_text() -> None:
    assert "payments" not in TOKENS.make("services of a", ("payments", "b"))


@pytest.mark.parametrize(
    ("request_", "token"),
    [
        ("services of b", TOKENS.make("services of a", ("a", "b"))),
        ("services of a", PageTokens(b"other").make("services of a", ("a", "b"))),
        ("services of a", TOKENS.make("services of a", ("a",))),
        ("services of a", TOKENS.make("services of a", ("a", "b"))[:-2]),
        ("services of a", "A" + TOKENS.make("services of a", ("a", "b"))[1:]),
        ("services of a", "A"),
        ("services of a", "not a token"),
        ("services of a", "\u00e9" * 40),
        ("services of a", "A" * 100_000),
    ],
    ids=["other list", "other key", "other shape", "cut", "bent", "short", "words", "é", "long"],
)
def test_any_other_token_is_refused_naming_the_field(request_: str, token: str) -> None:
    with pytest.raises(PageTokenInvalid) as caught:
        TOKENS.read(request_, token, 2)
    assert [v.field for v in caught.value.violations] == ["page_token"]


@pytest.mark.parametrize(
    ("asked", "used"),
    [(0, DEFAULT_PAGE_SIZE), (1, 1), (1000, 1000), (1001, MAX_PAGE_SIZE), (2**31 - 1, 1000)],
)
def test_a_page_size_is_coerced_down_and_unset_means_the_default(asked: int, used: int) -> None:
    assert page_size(asked) == used


def test_a_negative_page_size_is_refused() -> None:
    with pytest.raises(InvalidField) as caught:
        page_size(-1)
    assert [v.field for v in caught.value.violations] == ["page_size"]
