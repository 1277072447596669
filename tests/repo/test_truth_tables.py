"""Each table above a function that decides has at least a case a row.

Whoever adds a row has to add a case. Which one is whose is told by the case's id or by the name
of its test; that a row is *right* is for the tests themselves, and for the mutants, to say.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_mutants_page import functions

from scripts.deciders import DECIDERS

ROOT = Path(__file__).resolve().parents[2]
TABLES = [(path, name) for path, decider in DECIDERS.items() for name in decider.tables]
_HEAD = re.compile(r"-{3,}(\s+-{3,})+")
"""The line below a table's head."""
_BARS = re.compile(r"\w[^|]*\|[^|]+\|.*\S")
"""A row of a table with bars, where the first column says something."""


def rows(told: str) -> int:
    """How many rows the tables in a function with its comment have.

    A row begins where its table does; what begins further in goes on with the row before.
    """
    found, left = 0, None
    for line in told.splitlines():
        text = line.lstrip(" #")
        column = len(line) - len(text)
        if _HEAD.fullmatch(text):
            left = column
        elif not text or text.startswith(("def ", '"')):
            left = None
        elif left is not None:
            found += column <= left
        elif _BARS.match(text):
            found += 1
    return found


def users(tree: ast.Module, name: str) -> set[str]:
    """The functions and classes of a module that use `name`, by way of others too."""
    known = {name}
    while True:
        more = {
            node.name
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            and _uses(node, known)
        }
        if more <= known:
            return known
        known |= more


def cases(path: Path, names: set[str]) -> int:
    """How many cases of a file of tests come to one of these functions."""
    tree = ast.parse(path.read_text())
    reach = set().union(*(users(tree, name) for name in names))
    lists = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return sum(_times(test, lists) for test in _tests(tree) if _uses(test, reach))


def _uses(node: ast.AST, names: set[str]) -> bool:
    """Whether one of them is named within, as a function or as a method."""
    return any(
        (isinstance(each, ast.Name) and each.id in names)
        or (isinstance(each, ast.Attribute) and each.attr in names)
        for each in ast.walk(node)
    )


def _tests(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if is_function and node.name.startswith("test"):
            yield node


def _times(test: ast.FunctionDef | ast.AsyncFunctionDef, lists: dict[str, ast.expr]) -> int:
    times = 1
    for each in test.decorator_list:
        if isinstance(each, ast.Call) and ast.unparse(each.func).endswith(".parametrize"):
            values = each.args[1]
            if isinstance(values, ast.Name):
                values = lists.get(values.id, values)
            times *= len(values.elts) if isinstance(values, ast.List | ast.Tuple) else 1
    return times


@pytest.mark.parametrize(("path", "name"), TABLES)
def test_a_table_has_as_many_cases_as_rows_at_least(path: str, name: str) -> None:
    there = rows(dict(functions(path))[name])
    assert there, "a table of no rows"
    names = users(ast.parse((ROOT / path).read_text()), name)
    tried = sum(cases(ROOT / each, names) for each in DECIDERS[path].tests)
    assert tried >= there, f"{there} rows, {tried} cases"


def test_rows_are_counted_without_what_goes_on_below_them() -> None:
    told = """
# take
#
#   left  right  result
#   ----  -----  ------
#   none  any    no
#   some  any    yes: this is so long
#                that it goes on
#
# And a word about it.
def take() -> None:
"""
    assert rows(told) == 2
    bars = """
    # row   | must  | mode
    # FIRST | never | this is so long
    #       |       | that it goes on
    # LAST  | -     | that
    """
    assert rows(bars) == 3, "with its head, of which nobody can tell that it is one"
