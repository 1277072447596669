"""In which order, and how many, addresses are told: weights without any work a query.

Clients mostly take the first address. So each answer is the same ring of records, begun
somewhere else: a record is first as often as its weight says, and a query costs one more
look-up. Of a ring too long to be told whole, each client is told a part of its own, which
stays the same for as long as the ring does: what joins or leaves changes a neighbour or
two (RFC 2181, section 5 is upheld: TCP tells the same part).
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

TURNS_MAXIMUM = 64
"""Beginnings told apart where weights differ; a finer share is rounded."""


def turns(weights: Sequence[int]) -> tuple[int, ...]:
    """Where answers begin, one after another: indexes into `weights`, spread evenly.

    A weight of 0 is never first, unless all are 0. Equal weights take equal turns.
    """
    count = len(weights)
    total = sum(weights)
    if len(set(weights)) <= 1:
        return tuple(range(count))
    length = max(TURNS_MAXIMUM, count)
    places: list[tuple[float, int]] = []
    for index, weight in enumerate(weights):
        # at least one turn for whatever has a weight at all
        mine = max(1, round(weight * length / total)) if weight else 0
        places += [((turn + 0.5) / mine, index) for turn in range(mine)]
    return tuple(index for _, index in sorted(places))


def scattered(addresses: Sequence[str]) -> tuple[int, ...]:
    """An order that has nothing to do with the addresses and stays as they come and go."""
    places = [blake2b(address.encode("utf-8"), digest_size=8).digest() for address in addresses]
    return tuple(sorted(range(len(addresses)), key=lambda index: places[index]))
