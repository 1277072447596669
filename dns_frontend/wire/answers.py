"""The compiled answers: by view and question, and by the service that they are about.

There may be tens of thousands, so what stands beside each is small: a service is known here by
its hash, and one question of it stands by itself. Two services that meet in a hash are told
apart by their questions.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from dns_frontend.plan.entry import ServiceKey
from dns_frontend.wire.body import Body, labels_of

ANSWERS_MAXIMUM = 65_536
"""Answers kept; when there are more, the oldest of the view with the most are forgotten."""
FORGOTTEN = 32
"""At a time: queries wait meanwhile."""

Question = tuple[str, bytes]
"""A view, and a name in lower case with type and class."""
_Some = bytes | tuple[bytes, ...]
"""One question, or several."""


def asked(question: bytes, zone_wire: bytes) -> tuple[list[str], int]:
    """The labels, relative to the zone, and the type of a question that was compiled."""
    end = len(question) - 4
    labels = labels_of(question, end - len(zone_wire))
    assert labels is not None, "it was compiled"
    return labels, int.from_bytes(question[end : end + 2], "big")


class Answers:
    """What was compiled, at the present generations."""

    __slots__ = ("_count", "_of", "_service_of", "_views")

    def __init__(self, service_of: Callable[[bytes], ServiceKey]) -> None:
        """`service_of` tells which service a question is about."""
        self._views: dict[str, dict[bytes, Body]] = {}
        self._of: dict[str, dict[int, _Some]] = {}
        """By view and hash of the service: the questions."""
        self._count = 0
        self._service_of = service_of

    def __len__(self) -> int:
        return self._count

    def __repr__(self) -> str:
        return f"Answers({self._count} of {sum(map(len, self._of.values()))} services)"

    def view(self, view: str) -> dict[bytes, Body]:
        """The answers of one view; it stays the same dictionary."""
        return self._views.setdefault(view, {})

    def put(self, service: ServiceKey, view: str, question: bytes, body: Body) -> None:
        """Keep an answer that is not there."""
        if self._count >= ANSWERS_MAXIMUM:
            self._forget()
        self.view(view)[question] = body
        self._note(view, hash(service), question)
        self._count += 1

    def take(self, service: ServiceKey) -> list[Question]:
        """Forget all answers about a service; returns the questions."""
        mark = hash(service)
        found: list[Question] = []
        for view, questions in self._of.items():
            some = questions.pop(mark, None)
            if some is None:
                continue
            for question in _each(some):
                if self._service_of(question) == service:
                    del self._views[view][question]
                    found.append((view, question))
                else:
                    self._note(view, mark, question)
        self._count -= len(found)
        return found

    def clear(self) -> None:
        """Forget all."""
        for answers in self._views.values():
            answers.clear()
        self._of.clear()
        self._count = 0

    def _note(self, view: str, mark: int, question: bytes) -> None:
        questions = self._of.setdefault(view, {})
        some = questions.get(mark)
        questions[mark] = question if some is None else (*_each(some), question)

    def _forget(self) -> None:
        view, answers = max(self._views.items(), key=lambda each: len(each[1]))
        questions = self._of[view]
        for question in list(islice(answers, FORGOTTEN)):
            del answers[question]
            self._count -= 1
            mark = hash(self._service_of(question))
            left = tuple(each for each in _each(questions.pop(mark)) if each != question)
            if left:
                questions[mark] = left if len(left) > 1 else left[0]


def _each(some: _Some) -> tuple[bytes, ...]:
    return (some,) if isinstance(some, bytes) else some
