"""What was compiled, and forgetting it."""

from __future__ import annotations

import pytest

from dns_frontend.plan.entry import ServiceKey
from dns_frontend.wire import answers as answers_module
from dns_frontend.wire.answers import Answers
from dns_frontend.wire.body import NOERROR, Body


class Alike(ServiceKey):
    """A service whose hash is that of all others."""

    def __hash__(self) -> int:
        return 7


def service_of(question: bytes) -> ServiceKey:
    """Questions here are `SERVICE:more`."""
    return Alike("shop", question.decode().partition(":")[0])


def kept(*questions: tuple[str, str]) -> Answers:
    """With these, each a view and a question."""
    answers = Answers(service_of)
    for view, question in questions:
        octets = question.encode()
        answers.put(service_of(octets), view, octets, Body(NOERROR))
    return answers


def test_a_service_is_forgotten_in_all_views_and_no_other_is() -> None:
    """Though all of them have one hash."""
    answers = kept(("east", "cart:a"), ("east", "till:a"), ("east", "cart:b"), ("west", "cart:a"))
    found = answers.take(Alike("shop", "cart"))
    assert sorted(found) == [("east", b"cart:a"), ("east", b"cart:b"), ("west", b"cart:a")]
    assert list(answers.view("east")) == [b"till:a"]
    assert not answers.view("west")
    assert len(answers) == 1
    assert answers.take(Alike("shop", "till")) == [("east", b"till:a")]
    assert answers.take(Alike("shop", "till")) == []
    assert len(answers) == 0


def test_the_oldest_of_the_view_with_the_most_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that one view does not push out another that has little; what is left is still known."""
    monkeypatch.setattr(answers_module, "ANSWERS_MAXIMUM", 5)
    monkeypatch.setattr(answers_module, "FORGOTTEN", 2)
    answers = kept(
        ("west", "cart:w"), *(("east", f"{each}:a") for each in ("cart", "till", "desk", "lamp"))
    )
    assert len(answers) == 5
    answers.put(service_of(b"door:a"), "west", b"door:a", Body(NOERROR))
    assert list(answers.view("east")) == [b"desk:a", b"lamp:a"]
    assert list(answers.view("west")) == [b"cart:w", b"door:a"]
    assert len(answers) == 4
    assert answers.take(Alike("shop", "cart")) == [("west", b"cart:w")]
    assert answers.take(Alike("shop", "lamp")) == [("east", b"lamp:a")]


def test_what_is_cleared_is_gone() -> None:
    """Also from what is known of each service."""
    answers = kept(("east", "cart:a"))
    answers.clear()
    assert len(answers) == 0
    assert answers.take(Alike("shop", "cart")) == []
    assert answers.view("east") == {}
