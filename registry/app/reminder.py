"""When to say again what goes on and on: at once, and then ever more seldom.

A line a second for a night says no more than the first, and hides the others.
"""

from __future__ import annotations

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 30.0


class Reminder:
    """Of one thing that lasts. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._due_at = float("-inf")
        self._pause_seconds = FIRST_SECONDS

    def __repr__(self) -> str:
        return f"<Reminder every {self._pause_seconds:g} s>"

    def is_due(self, now: float) -> bool:
        """Whether to say it now; the pause to the next time is twice as long as the last."""
        if now < self._due_at:
            return False
        self._due_at = now + self._pause_seconds
        self._pause_seconds = min(LONGEST_SECONDS, 2 * self._pause_seconds)
        return True
