"""The answers that a change took away, compiled again one by one.

Whoever asks meanwhile goes between, and gets what the cells say now: a question that is not
compiled is compiled when it is asked (I5). So this makes answers quick, and never right.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from dns_frontend.plan.answer import exists as service_exists
from dns_frontend.plan.digest import nobody_waits
from dns_frontend.plan.entry import ServiceKey
from dns_frontend.plan.ledger import Ledger
from dns_frontend.plan.zone import locate
from dns_frontend.wire.answers import Answers, Question, asked
from dns_frontend.wire.compiler import Compiler


class Recompilation:
    """What is to be compiled again of one table."""

    __slots__ = ("_answers", "_compiler", "_due", "_find", "_zone_wire", "between", "faults")

    def __init__(
        self,
        answers: Answers,
        compiler: Compiler,
        find: Callable[[ServiceKey], Ledger | None],
        zone_wire: bytes,
    ) -> None:
        """`find` gives what is known of a service now."""
        self._answers = answers
        self._compiler = compiler
        self._find = find
        self._zone_wire = zone_wire
        self._due: deque[tuple[ServiceKey, Question]] = deque()
        self.between: Callable[[], None] = nobody_waits
        """Called before each answer: whoever waits is answered first. Never raises."""
        self.faults = 0
        """Answers that could not be made; each question fails by itself when it is asked (I11)."""

    def __repr__(self) -> str:
        return f"Recompilation({len(self._due)} due)"

    def add(self, service: ServiceKey, questions: Iterable[Question]) -> None:
        """These were answered before the change."""
        self._due.extend((service, question) for question in questions)

    def run(self) -> None:
        """Compile all that is due; when the change is complete, and not before."""
        while self._due:
            service, (view, question) = self._due.popleft()
            self.between()
            if question in self._answers.view(view):
                continue  # somebody asked just now
            try:
                self._compile(service, view, question)
            except Exception:
                self.faults += 1

    def _compile(self, service: ServiceKey, view: str, question: bytes) -> None:
        ledger = self._find(service)
        labels, record_type = asked(question, self._zone_wire)
        place = locate(labels)
        if ledger is None or not service_exists(ledger, place):
            return
        body = self._compiler.compile(ledger, place, record_type, view)
        if body is not None:
            self._answers.put(service, view, question, body)
