"""A number and its noun, as people write them: one instance, and not `1 instances`. Pure."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """`noun`, which is singular, so many times."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def were(number: int) -> str:
    """What so many were."""
    return "was" if number == 1 else "were"
