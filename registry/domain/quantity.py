"""A number and its noun, as people write them: one instance, and not `1 instances`."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """`noun`, which is singular, so many times."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def verb(number: int, plural: str) -> str:
    """What so many do, given what several do: `they go`, `it goes`."""
    if number != 1:
        return plural
    return f"{plural}es" if plural.endswith("o") else f"{plural}s"
