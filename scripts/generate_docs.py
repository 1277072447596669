"""Generates the reference pages that come from code; with `--check`, only tells what is stale."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts import (  # noqa: E402  # the path is set just above
    command_page,
    errors_page,
    metrics_page,
    resolvers_page,
    settings_page,
)

PAGES: dict[str, Callable[[], str]] = {
    "docs/howto/point-a-resolver.md": resolvers_page.page,
    "docs/reference/command.md": command_page.page,
    "docs/reference/errors.md": errors_page.page,
    "docs/reference/metrics.md": metrics_page.page,
    "docs/reference/settings.md": settings_page.page,
}
"""Page by page: where it lies, and what makes its text."""


def is_stale(name: str) -> bool:
    """Whether a page is missing, or is not what the code says."""
    path = ROOT / name
    return not path.exists() or path.read_text() != PAGES[name]()


if __name__ == "__main__":
    stale = [name for name in PAGES if is_stale(name)]
    if "--check" not in sys.argv[1:]:
        for name in stale:
            (ROOT / name).write_text(PAGES[name]())
    elif stale:
        sys.exit(f"not what the code says: {', '.join(stale)}; run `make docs`")
