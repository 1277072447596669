"""What one client saw, answer after answer: counted, and kept where it changed. Pure."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Blemish:
    """A question that got no address. Times are monotonic seconds."""

    at: float
    text: str
    """NXDOMAIN, NODATA, SERVFAIL..., or what went wrong instead of an answer."""


@dataclass(slots=True)
class Track:
    """The answers of one frontend to the clients of one region."""

    frontend: str
    view: str
    """The region of the clients."""
    queries: int = 0
    empty: list[Blemish] = field(default_factory=list)
    """Answers without an address, negative ones and failures among them."""
    unanswered: list[Blemish] = field(default_factory=list)
    """Questions without any answer."""
    changes: list[tuple[float, frozenset[str]]] = field(default_factory=list)
    """When the set of addresses became which."""
    longest_seconds: float = 0.0
    """The longest that an answer took."""

    @property
    def name(self) -> str:
        """As the report calls it."""
        return f"clients of {self.view} at {self.frontend}'s frontend"

    @property
    def present(self) -> frozenset[str]:
        """The last set that was answered."""
        return self.changes[-1][1] if self.changes else frozenset()

    def saw(self, at: float, addresses: frozenset[str], took_seconds: float) -> None:
        """An answer came."""
        self.queries += 1
        self.longest_seconds = max(self.longest_seconds, took_seconds)
        if not self.changes or self.present != addresses:
            self.changes.append((at, addresses))

    def saw_none(self, at: float, text: str, took_seconds: float) -> None:
        """An answer came, and held no address."""
        self.queries += 1
        self.longest_seconds = max(self.longest_seconds, took_seconds)
        self.empty.append(Blemish(at, text))

    def saw_nothing(self, at: float, text: str) -> None:
        """No answer came."""
        self.queries += 1
        self.unanswered.append(Blemish(at, text))

    def within_since(self, allowed: Set[str]) -> float | None:
        """Since when all answers have been within `allowed`; None if the last was not."""
        since = None
        for at, addresses in reversed(self.changes):
            if not addresses <= allowed:
                break
            since = at
        return since

    def changed_since(self, at: float) -> bool:
        """Whether the set was another one at any time after `at`."""
        return bool(self.changes) and self.changes[-1][0] > at
