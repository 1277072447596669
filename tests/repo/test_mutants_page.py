"""What decides is a truth table with a function under it, and its mutants are accounted for."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.deciders import DECIDERS
from scripts.mutants_page import PAGE, REASONS
from scripts.mutate import mutants, names

ROOT = Path(__file__).resolve().parents[2]
RULE = re.compile(r"-{3,}\s+-{3,}|\w \|.*\| \S")
"""The line below a table's head, or a row between bars."""


def functions(path: str) -> Iterator[tuple[str, str]]:
    """By name, the functions of a module with the comment right above them."""
    source = (ROOT / path).read_text()
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            begin = node.lineno - 1
            while begin and lines[begin - 1].lstrip().startswith(("#", "@")):
                begin -= 1
            yield node.name, "\n".join(lines[begin : node.end_lineno])


@pytest.mark.parametrize("path", DECIDERS)
def test_a_function_that_decides_has_its_truth_table(path: str) -> None:
    """Right above it, or within."""
    found = dict(functions(path))
    bare = [name for name in DECIDERS[path].tables if not RULE.search(found.get(name, ""))]
    assert bare == []


@pytest.mark.parametrize("path", DECIDERS)
def test_the_tests_that_are_to_kill_mutants_exist(path: str) -> None:
    missing = [name for name in DECIDERS[path].tests if not (ROOT / name).is_file()]
    assert missing == []


def test_the_page_is_of_the_modules_that_there_are() -> None:
    """`make mutants ARGS="--write"` writes it anew."""
    told = re.findall(r"^\| `([\w/]+\.py)` \|", PAGE.read_text(), re.MULTILINE)
    assert told == list(DECIDERS)


@pytest.mark.parametrize("path", REASONS)
def test_a_reason_is_of_a_mutant_that_there_is(path: str) -> None:
    """Code that is gone needs no excuse."""
    found = names(ast.parse((ROOT / path).read_text()))
    assert sorted(REASONS[path].keys() - found) == []


def test_names_are_those_of_the_mutants() -> None:
    """Each a module with one thing changed."""
    tree = ast.parse((ROOT / "registry/domain/head.py").read_text())
    found = list(mutants(tree))
    assert {each.name for each in found} == names(tree)
    assert len({ast.dump(each.tree) for each in found} - {ast.dump(tree)}) == len(found) > 5
