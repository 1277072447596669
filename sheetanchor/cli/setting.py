"""One setting: its option, its variable, and what its text means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

PREFIX = "SHEETANCHOR_"


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table."""

    name: str
    """Names its value in the code."""
    option: str
    variable: str
    """Without the prefix."""
    unit: str
    """What is to be written, as help shows it."""
    parse: Callable[[str], Any]
    """Makes the value of the text. Raises ValueError that does not name the setting."""
    default: str | None
    """As a user would write it; None means that there is none, and `absent` says what then."""
    sentence: str
    verbs: tuple[str, ...]
    absent: str = ""
    """What holds when it is not given, in words; empty: it must be given."""
    separator: str = ""
    """The option may be repeated; in the variable this stands between the values."""
    is_flag: bool = False

    @property
    def environment_variable(self) -> str:
        """The variable's full name."""
        return PREFIX + self.variable

    @property
    def shown_default(self) -> str:
        """The default in words, for help and docs."""
        return self.default if self.default is not None else self.absent or "required"
