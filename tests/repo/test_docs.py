"""What the documentation says is there is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")]
)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PATH = re.compile(r"`((?:registry|dns_frontend|sheetanchor|tests|benchmarks|protos)/[\w/.]+)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file, and every anchor in it a heading."""
    broken = []
    for target in LINK.findall(page.read_text()):
        if target.startswith(("http://", "https://")):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


def anchors(page: Path) -> set[str]:
    """The anchors that headings make."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_are_named_exist(page: Path) -> None:
    """A path in backticks is the path of something."""
    assert [name for name in PATH.findall(page.read_text()) if not (ROOT / name).exists()] == []


def test_architecture_names_every_package() -> None:
    """Nobody has to guess what a folder is for."""
    text = (ROOT / "ARCHITECTURE.md").read_text()
    for package in ("registry", "dns_frontend", "sheetanchor"):
        for folder in sorted((ROOT / package).iterdir()):
            if folder.is_dir() and folder.name not in ("__pycache__", "v1", "adapters"):
                assert f"`{package}/{folder.name}/`" in text, folder


def test_files_that_architecture_says_keep_a_promise_name_it() -> None:
    """Where the table says that a promise is kept, the code says so too."""
    unnamed = []
    for line in (ROOT / "ARCHITECTURE.md").read_text().splitlines():
        row = re.match(r"\| (I\d+(?:, I\d+)*) \|", line)
        if not row:
            continue
        promises = row[1].split(", ")
        for name in re.findall(r"`([\w/]+\.py)`", line):
            roots = (ROOT / "registry", ROOT / "dns_frontend", ROOT)
            files = [root / name for root in roots if (root / name).exists()]
            assert files, f"{name} of {row[1]} is not there"
            text = "".join(path.read_text() for path in files)
            if not any(re.search(rf"\b{promise}\b", text) for promise in promises):
                unnamed.append(f"{row[1]} in {name}")
    assert unnamed == []
