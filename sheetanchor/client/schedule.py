"""When to renew a lease, and how long it is certain. Pure: `now` is an argument.

The registry directs the pace; this only keeps its word within sane limits, so that a
damaged reply can cause neither a busy loop nor a lapsed lease.
"""

from __future__ import annotations

from dataclasses import dataclass

SHORTEST_INTERVAL_SECONDS = 0.05
LONGEST_SHARE_OF_TTL = 2 / 3
"""At the latest then, one more try fits in before the lease ends."""
DEFAULT_SHARE_OF_TTL = 1 / 3


@dataclass(frozen=True, slots=True)
class Schedule:
    """Where one lease stands. Times are monotonic seconds of one clock."""

    ttl_seconds: float
    sent_at: float
    """When the last acknowledged renewal was sent: the registry counts from later on."""
    due_at: float
    """When the next one is due."""

    @classmethod
    def granted(
        cls, *, ttl_seconds: float, interval_seconds: float, sent_at: float, now: float
    ) -> Schedule:
        """The schedule after a reply that grants `ttl_seconds` and advises `interval_seconds`."""
        interval = interval_seconds if interval_seconds > 0 else ttl_seconds * DEFAULT_SHARE_OF_TTL
        longest = ttl_seconds * LONGEST_SHARE_OF_TTL - (now - sent_at)
        interval = max(SHORTEST_INTERVAL_SECONDS, min(interval, longest))
        return cls(ttl_seconds=ttl_seconds, sent_at=sent_at, due_at=now + interval)

    @property
    def certain_until(self) -> float:
        """Until then the lease cannot have ended; later, only the registry knows."""
        return self.sent_at + self.ttl_seconds

    def wait_seconds(self, now: float) -> float:
        """Seconds until the next renewal is due; 0 when it is overdue."""
        return max(0.0, self.due_at - now)

    @property
    def longest_pause_seconds(self) -> float:
        """How long to wait between two tries at most, when no registry takes a renewal."""
        return self.ttl_seconds * DEFAULT_SHARE_OF_TTL

    @property
    def timeout_seconds(self) -> float:
        """How long one renewal may take before another registry is asked."""
        return min(5.0, max(0.5, self.ttl_seconds / 3))


def request_id_outlived(first_sent_at: float, ttl_seconds: float, now: float) -> bool:
    """Whether a registration's request id is too old to be sent again.

    Within one TTL a repeated id gets the first call's result. Later, the instance that
    the first call may have made can have lapsed and been removed, and the registry would
    take the repetition for a ghost of it; a new registration is what is wanted then.
    """
    return now - first_sent_at >= ttl_seconds
