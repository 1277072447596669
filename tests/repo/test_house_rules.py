"""House rules that a reader relies on and no linter knows."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("sheetanchor", "registry", "dns_frontend", "migrations")
LINES = 400


def modules(*roots: str) -> list[Path]:
    """All written (not generated) modules below `roots`."""
    found = [path for root in roots for path in sorted((ROOT / root).rglob("*.py"))]
    return [path for path in found if "_pb2" not in path.name and "__pycache__" not in path.parts]


def tracked() -> list[Path]:
    """All files that the repository holds."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_every_module_says_what_it_is() -> None:
    """Each module opens with a docstring."""
    bare = [
        str(path.relative_to(ROOT))
        for path in modules(*PACKAGES, "tests", "benchmarks", "scripts")
        if path.stat().st_size and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert bare == []


def test_no_module_is_too_long_to_read() -> None:
    """Past 400 lines a module holds more than one noun."""
    long = {
        str(path.relative_to(ROOT)): length
        for path in modules(*PACKAGES)
        if (length := len(path.read_text().splitlines())) > LINES
    }
    assert long == {}


def test_no_module_is_a_drawer() -> None:
    """A module is named for its one noun, never for being of use."""
    drawers = {"common", "utils", "util", "helpers", "helper", "misc", "tools"}
    assert [p for p in modules(*PACKAGES) if drawers & {p.stem, *p.parent.parts[-2:]}] == []


def test_no_test_waits_a_fixed_time() -> None:
    """Tests wait for something to become true, with a deadline, or move a fake clock."""
    sleepers = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path in modules("tests")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and _sleeps_long(call)
    ]
    assert sleepers == []


def _sleeps_long(call: ast.Call) -> bool:
    """Whether this sleeps 0.3 s or more: a polling step is shorter, and sleep(0) yields."""
    name = ast.unparse(call.func)
    if name not in {"time.sleep", "sleep", "asyncio.sleep"} or not call.args:
        return False
    length = call.args[0]
    return isinstance(length, ast.Constant) and float(str(length.value)) >= 0.3


def test_only_the_command_line_and_main_read_the_environment() -> None:
    """Settings are built once and handed down; nothing below looks for itself."""
    readers = [
        str(path.relative_to(ROOT))
        for path in modules(
            "registry", "dns_frontend", "sheetanchor/client", "sheetanchor/telemetry"
        )
        if re.search(
            r"\bos\.(environ|getenv)\b|\bfrom os import .*(environ|getenv)", path.read_text()
        )
    ]
    assert readers == []


def test_no_lint_rule_is_switched_off_without_a_reason() -> None:
    """Every `noqa` and `type: ignore` names its rule and says why on its line."""
    bare = []
    for path in modules(*PACKAGES, "tests", "benchmarks", "scripts"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            switch = re.search(r"#\s*(noqa|type:\s*ignore)(?P<rest>.*)$", line)
            if switch and path != Path(__file__):
                rest = switch["rest"]
                named = re.match(r"(\[[a-z, -]+\]|: ?[A-Z]+[0-9]+(, ?[A-Z]+[0-9]+)*)", rest)
                reason = rest[named.end() :].strip(" #-:") if named else ""
                if len(reason) < 8:
                    bare.append(f"{path.relative_to(ROOT)}:{number}")
    assert bare == []


def test_nothing_tells_of_the_place_it_was_written_at() -> None:
    """No absolute path of a developer's machine and no package index address is committed."""
    tell_tale = re.compile(
        rb"/work/|/home/[a-z]+/|\bfiles\.pythonhosted\b|pypi\.org/simple|index-url|extra-index"
    )
    told = [
        f"{path.relative_to(ROOT)}: {match.group().decode()}"
        for path in tracked()
        if path != Path(__file__) and (match := tell_tale.search(path.read_bytes()))
    ]
    assert told == []


def test_tests_have_names_of_their_own() -> None:
    """Test modules are imported by base name, so two of one name would hide each other."""
    names = [path.name for path in modules("tests") if path.name.startswith("test_")]
    assert sorted(names) == sorted(set(names))
