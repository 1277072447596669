"""Numbers and their nouns and verbs agree."""

from __future__ import annotations

import pytest

from registry.domain.quantity import counted, verb


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 endpoints go"), (1, "1 endpoint goes"), (2, "2 endpoints go"), (21, "21 endpoints go")],
)
def test_one_is_not_written_as_several(number: int, text: str) -> None:
    assert f"{counted(number, 'endpoint')} {verb(number, 'go')}" == text


@pytest.mark.parametrize(("plural", "singular"), [("stay", "stays"), ("go", "goes")])
def test_a_verb_agrees_with_one(plural: str, singular: str) -> None:
    assert verb(1, plural) == singular
    assert {verb(number, plural) for number in (0, 2, 100)} == {plural}
