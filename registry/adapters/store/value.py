"""A value in the JSON of a row, as it has to be to be taken for what it should be.

What was damaged, written by hand, or by a later release may be anything. Taken as it came, what
is no number would be met where all services of a cell are worked on, and stop that work; so it
is met here, where it makes one row unreadable (I11). Each raises TypeError or ValueError.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LARGEST = 1 << 62
"""Whole numbers are below it: both databases, and the contract, have 64 bits for them."""
LAST_MS = 253_402_300_799_999
"""The end of the year 9999, which is that of timestamps in the contract."""
MOST_SECONDS = 1e9


def text(value: Any) -> str:
    """A string that can be written in UTF-8."""
    if type(value) is not str:
        raise TypeError(f"{_shown(value)} is no text")
    if not value.isascii():
        value.encode()
    return value


def texts(values: Any) -> tuple[str, ...]:
    """A list of strings."""
    return tuple(map(text, several(values)))


def pairs(value: Any) -> Mapping[str, str]:
    """An object with strings alone."""
    if type(value) is not dict:
        raise TypeError(f"{_shown(value)} is no object")
    for each in value.items():
        text(each[0])
        text(each[1])
    return value


def whole(value: Any, largest: int = LARGEST) -> int:
    """A whole number, from 0."""
    if type(value) is not int:
        raise TypeError(f"{_shown(value)} is no whole number")
    if not 0 <= value <= largest:
        raise ValueError(f"{_shown(value)} is not 0 to {largest}")
    return value


def small(value: Any) -> int:
    """One of 16 bits: a port, a weight, a priority, a time to live."""
    return whole(value, 65535)


def moment(value: Any) -> int:
    """Milliseconds of Unix time."""
    return whole(value, LAST_MS)


def number(value: Any) -> float:
    """A number, of seconds or a share."""
    if type(value) is not float and type(value) is not int:
        raise TypeError(f"{_shown(value)} is no number")
    if not 0.0 <= value <= MOST_SECONDS:
        raise ValueError(f"{_shown(value)} is not 0 to {MOST_SECONDS:g}")
    return value


def truth(value: Any) -> bool:
    """True or false."""
    if type(value) is not bool:
        raise TypeError(f"{_shown(value)} is neither true nor false")
    return value


def several(values: Any) -> list[Any]:
    """A list of anything."""
    if type(values) is not list:
        raise TypeError(f"{_shown(values)} is no list")
    return values


def _shown(value: Any) -> str:
    return repr(value)[:80]
