"""What a frontend is for."""

from __future__ import annotations

from enum import Enum


class Role(Enum):
    """What a frontend is for."""

    SERVING = "serving"
    """It goes by what is settled."""
    CANARY = "canary"
    """It acts on staged changes before the others do, and says how they do there (I19)."""
