"""What a frontend is for."""

from __future__ import annotations

from enum import Enum


class Role(Enum):
    """What a frontend is for."""

    SERVING = "serving"
    """It goes by what is settled, and leaves staged changes alone."""
    CANARY = "canary"
    """It goes by staged changes before the others do, and says how they do there (I19)."""
