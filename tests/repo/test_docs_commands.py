"""Commands that the documentation shows are commands that there are."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from sheetanchor.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
BLOCK = re.compile(r"^```(?:sh|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands(page: Path) -> Iterator[list[str]]:
    """The words of each `sheetanchor ...` in a page's shell blocks."""
    for block in BLOCK.findall(page.read_text()):
        for line in block.replace("\\\n", " ").splitlines():
            if line.removeprefix("$ ").startswith("sheetanchor "):
                yield shlex.split(line.removeprefix("$ "), comments=True)[1:]


def verb_of(words: list[str]) -> tuple[Any, list[str]]:
    """The command that `words` call, and the rest of them."""
    found: Any = typer.main.get_command(app)
    while hasattr(found, "commands"):
        implied = getattr(found, "default_verb", None)
        if implied is None or (words and words[0] in found.commands):
            name, *words = words
        else:
            name = implied
        assert name in found.commands, f"no verb {name}"
        found = found.commands[name]
    return found, words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_verbs_and_options_that_are_shown_exist(page: Path) -> None:
    """Each verb is one of ours and takes the options that it is shown with."""
    for words in commands(page):
        verb, rest = verb_of(words)
        own = rest[: rest.index("--")] if "--" in rest else rest
        known = {option for parameter in verb.params for option in parameter.opts}
        shown = {word.partition("=")[0] for word in own if word.startswith("--")}
        assert shown <= known, f"sheetanchor {' '.join(words)}"


def test_commands_are_found() -> None:
    """The check above looks at something."""
    assert sum(1 for page in PAGES for _ in commands(page)) > 10
