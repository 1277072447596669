"""How long to wait before the next try. Pure: randomness comes in as a number."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with full jitter, over a ring of addresses.

    The delay is drawn evenly between nothing and a limit, so that clients which lost
    their registry together do not come back together. The limit doubles with every
    full round of the addresses, not with every try: a second node is asked soon.
    """

    base_seconds: float = 0.1
    """Limit in the first round."""
    ceiling_seconds: float = 5.0
    """Limit that is never passed."""

    def within(self, seconds: float) -> Backoff:
        """The same with a limit that never passes `seconds` either."""
        return replace(self, ceiling_seconds=min(self.ceiling_seconds, seconds))

    def delay_seconds(
        self, failures: int, addresses: int, draw: float, retry_after_seconds: float = 0.0
    ) -> float:
        """Seconds to wait after the `failures`-th failure in a row (1 is the first).

        `draw` is evenly random in [0, 1). `retry_after_seconds` is the registry's own
        wish; the jitter is added to it, so that a wish told to all does not unite them.
        """
        rounds = max(0, failures - 1) // max(1, addresses)
        # 2**64 would be a float overflow some rounds later, and means "the ceiling" anyway
        limit = min(self.ceiling_seconds, self.base_seconds * 2.0 ** min(rounds, 63))
        return max(0.0, retry_after_seconds) + draw * limit
