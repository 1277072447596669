"""The compiled answers: by view and question, and by the service that they are about."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from dns_frontend.plan.entry import ServiceKey
from dns_frontend.wire.body import Body

ANSWERS_MAXIMUM = 65_536
"""Answers kept; when there are more, an eighth of the view at hand is forgotten, oldest first."""

Question = tuple[str, bytes]
"""A view, and a name in lower case with type and class."""


class Answers:
    """What was compiled, at the present generations."""

    __slots__ = ("_count", "_of", "_service_of", "_views")

    def __init__(self, service_of: Callable[[bytes], ServiceKey]) -> None:
        """`service_of` tells which service a question is about."""
        self._views: dict[str, dict[bytes, Body]] = {}
        self._of: dict[ServiceKey, tuple[Question, ...]] = {}
        self._count = 0
        self._service_of = service_of

    def __len__(self) -> int:
        return self._count

    def __repr__(self) -> str:
        return f"Answers({self._count} of {len(self._of)} services)"

    def view(self, view: str) -> dict[bytes, Body]:
        """The answers of one view; it stays the same dictionary."""
        return self._views.setdefault(view, {})

    def put(self, service: ServiceKey, view: str, question: bytes, body: Body) -> None:
        """Keep an answer that is not there."""
        if self._count >= ANSWERS_MAXIMUM:
            self._forget(view)
        self.view(view)[question] = body
        self._of[service] = (*self._of.get(service, ()), (view, question))
        self._count += 1

    def take(self, service: ServiceKey) -> tuple[Question, ...]:
        """Forget all answers about a service; returns the questions."""
        found = self._of.pop(service, ())
        for view, question in found:
            del self._views[view][question]
        self._count -= len(found)
        return found

    def clear(self) -> None:
        """Forget all."""
        for answers in self._views.values():
            answers.clear()
        self._of.clear()
        self._count = 0

    def _forget(self, view: str) -> None:
        answers = self.view(view)
        if not answers:
            self.clear()
            return
        for question in list(islice(answers, max(1, len(answers) // 8))):
            del answers[question]
            self._count -= 1
            service = self._service_of(question)
            left = tuple(each for each in self._of[service] if each != (view, question))
            if left:
                self._of[service] = left
            else:
                del self._of[service]
