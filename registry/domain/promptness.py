"""When the changes of health that are found out are stored: at once, unless they never end.

A change that comes alone is stored and published at once. When everything flaps, changes
come one after another for as long as it lasts, each with a transaction and a publication of its
own, and a registry that works several times as much just then would be part of the outage: past
the budget they are stored by the second, all that have gathered together (I25).
"""

from __future__ import annotations

from registry.domain.bucket import Bucket, Size

SIZE = Size(capacity=32.0, per_second=1.0)
"""Groups in a row that are stored at once: enough for the death of a region."""


def full(now: float) -> Bucket:
    """What a leader begins with."""
    return Bucket(SIZE.capacity, now)
