"""Help that breaks its lines between words: what is to be typed is never cut at a hyphen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import typer

_HYPHEN = re.compile(r"(?<=\S)-(?=\S)")
_STANDS_FOR = "\N{NON-BREAKING HYPHEN}"
"""For a hyphen while lines are broken; what is printed has the hyphen itself, to be copied."""


class Pages(typer.Context.formatter_class):  # type: ignore[valid-type,misc]  # typer makes the class public by this name alone
    """Writes help as typer's own does, in lines of whole words."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """A usage line."""
        super().write_usage(prog, _whole(args), prefix)

    def write_text(self, text: str) -> None:
        """Paragraphs."""
        super().write_text(_whole(text))

    def write_dl(self, rows: Sequence[tuple[str, str]], *columns: Any, **more: Any) -> None:
        """A table of what can be typed."""
        super().write_dl([(term, _whole(text)) for term, text in rows], *columns, **more)

    def write(self, string: str) -> None:
        """Lines that are broken already."""
        super().write(string.replace(_STANDS_FOR, "-"))


class HelpContext(typer.Context):
    """The context of a verb whose help is written so."""

    formatter_class = Pages


def _whole(text: str) -> str:
    return _HYPHEN.sub(_STANDS_FOR, text)
