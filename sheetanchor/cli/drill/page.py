"""The page of measured drills: a section each, replaced when its drill is run again. Pure."""

from __future__ import annotations

HEAD = "# Drills\n\nReal processes on one machine; written by `make drills`.\n"
_MARK = "\n## "


def with_section(page: str, title: str, about: str, table: str) -> str:
    """The page with this section new; the others stay as they are, a new title comes last."""
    _, *sections = page.split(_MARK)
    found = {section.partition("\n")[0]: section.rstrip() for section in sections}
    found[title] = f"{title}\n\n{about}\n\n{table}"
    return HEAD + "".join(f"{_MARK}{section}\n" for section in found.values())
