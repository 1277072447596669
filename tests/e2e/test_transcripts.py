"""What the README and the tutorials show is what happens."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from transcript import Shell, Step, steps

from benchmarks.process import ROOT

PAGES = ["README.md", "docs/quickstart/README.md"]
READINGS = [PAGES, PAGES[1:]]
"""The pages in the order in which somebody reads them, in one shell."""
SECONDS = 90.0
"""How long a step may take to come true; an answer moves within 10."""


@pytest.mark.long
@pytest.mark.parametrize("pages", READINGS, ids=["one after the other", "quickstart alone"])
def test_commands_do_what_the_pages_say(pages: list[str], tmp_path: Path) -> None:
    """Every command of the pages works, and prints what is printed there."""
    if shutil.which("dig") is None:
        pytest.skip("dig is not installed (Debian: apt-get install bind9-dnsutils)")
    found = [step for page in pages for step in steps(ROOT / page)]
    assert len(found) > 5 * len(pages)
    shell = Shell(tmp_path)
    try:
        for step in found:
            shell.run(step, SECONDS)
    finally:
        shell.close()


def test_every_tutorial_is_run() -> None:
    """No page has a transcript that no test runs."""
    with_steps = [
        str(path.relative_to(ROOT))
        for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
        if re.search(r"^```console$", path.read_text(), re.MULTILINE)
    ]
    assert sorted(with_steps) == sorted(PAGES)


@pytest.mark.parametrize(
    ("printed", "output", "fits"),
    [
        (["127.0.0.2"], ["127.0.0.2"], True),
        (["127.0.0.2"], ["127.0.0.3"], False),
        (["127.0.0.2"], [], False),
        (["127.0.0.2"], ["127.0.0.2", "127.0.0.3"], False),
        (["NAME  ..."], ["NAME  HEALTH"], True),
        (["...", "b"], ["x", "a", "b"], True),
        (["...", "b"], ["b", "x"], False),
    ],
)
def test_promised_output_is_compared(printed: list[str], output: list[str], fits: bool) -> None:
    """The comparison can fail."""
    assert Step("x", printed).fits(output) is fits
