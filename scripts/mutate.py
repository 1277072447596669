"""Mutation testing of the modules that decide: which small changes would no test notice?

    make mutants                        # all of MODULES
    make mutants ARGS="registry/domain/damping.py"

Each mutant is the module with one thing changed: a comparison, an arithmetic or a boolean
operator, a constant, a condition negated, a returned value. It lives if the module's tests
still pass. The files are left as they were: a mutant is given to the tests by an import hook,
in a process of its own.

The exit code is 0 when at least GOAL of all mutants were killed.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import signal
import sys
from collections.abc import Iterator
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import hypothesis  # noqa: F401 - loaded once, before the forks
import pytest

GOAL = 0.9
MODULES: dict[str, tuple[str, ...]] = {
    "registry/domain/health.py": ("tests/unit/registry/domain/test_health_step.py",),
    "registry/domain/damping.py": ("tests/unit/registry/domain/test_damping.py",),
    "registry/domain/slow_start.py": ("tests/unit/registry/domain/test_slow_start.py",),
    "registry/domain/haste.py": ("tests/unit/registry/domain/test_haste.py",),
    "registry/domain/overdue.py": ("tests/unit/registry/domain/test_overdue.py",),
    "registry/domain/velocity.py": ("tests/unit/registry/domain/test_velocity.py",),
    "registry/domain/protection.py": ("tests/unit/registry/domain/test_protection.py",),
    "dns_frontend/plan/standing.py": ("tests/unit/dns_frontend/plan/test_frontend_standing.py",),
    "dns_frontend/plan/capacity.py": ("tests/unit/dns_frontend/plan/test_frontend_capacity.py",),
    "dns_frontend/plan/failover.py": ("tests/unit/dns_frontend/plan/test_frontend_failover.py",),
}
SECONDS = 60
"""A mutant that takes longer loops for ever, and counts as killed."""

_NO_BEHAVIOUR = {"frozen", "slots", "strict"}
"""Arguments that guard against mistakes, and decide nothing."""
_OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_OTHER: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
}


class _Finder(MetaPathFinder, Loader):
    """Gives one module as it was changed, and leaves all others to others."""

    def __init__(self, path: str, tree: ast.Module) -> None:
        self._path = path
        self._name = path.removesuffix(".py").replace("/", ".")
        self._code = compile(ast.fix_missing_locations(tree), path, "exec")

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> ModuleSpec | None:
        """The module, if it is the one."""
        return ModuleSpec(fullname, self, origin=self._path) if fullname == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed module."""
        exec(self._code, module.__dict__)


def mutants(tree: ast.Module) -> Iterator[tuple[str, ast.Module]]:
    """Every mutant of a module, with what was changed and where."""
    settings = {
        id(each.value)
        for each in ast.walk(tree)
        if isinstance(each, ast.keyword) and each.arg in _NO_BEHAVIOUR
    }
    for number, node in enumerate(ast.walk(tree)):
        if id(node) in settings:
            continue
        for kind in range(_kinds(node)):
            changed = copy.deepcopy(tree)
            target = next(each for at, each in enumerate(ast.walk(changed)) if at == number)
            before = ast.unparse(target)
            after = _mutate(target, kind)
            if after is not None:
                line = getattr(node, "lineno", 0)
                yield f"line {line}: {before} -> {after}"[:160], changed


def _kinds(node: ast.AST) -> int:
    match node:
        case ast.Compare():
            return len(node.ops)
        case ast.BoolOp() | ast.BinOp() | ast.If() | ast.IfExp() | ast.While():
            return 1
        case ast.Constant(value=bool() | int() | float()):
            return 1
        case ast.Return(value=ast.expr()):
            return 1
        case _:
            return 0


def _mutate(node: ast.AST, kind: int) -> str | None:
    """Change a node in place; None when there is nothing to change."""
    match node:
        case ast.Compare():
            node.ops[kind] = _OPPOSITE[type(node.ops[kind])]()
        case ast.BoolOp():
            node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        case ast.BinOp() if type(node.op) in _OTHER:
            node.op = _OTHER[type(node.op)]()
        case ast.If() | ast.IfExp() | ast.While():
            node.test = ast.UnaryOp(ast.Not(), node.test)
        case ast.Constant(value=bool()):
            node.value = not node.value
        case ast.Constant(value=int() | float()):
            node.value = node.value + 1
        case ast.Return() if not isinstance(node.value, ast.Constant) or node.value.value:
            node.value = ast.Constant(None)
        case _:
            return None
    return ast.unparse(ast.fix_missing_locations(node))


def lives(path: str, tree: ast.Module, tests: tuple[str, ...]) -> bool:
    """Whether the tests pass with a mutant in the module's place."""
    # A fork, since to load pytest takes longer than to run the tests of one module.
    child = os.fork()
    if child == 0:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        # a mutant that loops for ever ends by the alarm, as killed
        signal.alarm(SECONDS)
        sys.meta_path.insert(0, _Finder(path, tree))
        code = pytest.main(["-x", "-q", "--noconftest", "-p", "no:cacheprovider", *tests])
        os._exit(int(code != 0))
    _, status = os.waitpid(child, 0)
    return status == 0


def main() -> int:
    """Try every mutant, name those that live, and say how many were killed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])  # type: ignore[union-attr]  # it has one
    parser.add_argument("modules", nargs="*", help="of those in the table; default: all")
    options = parser.parse_args()
    killed = whole = 0
    for path in options.modules or MODULES:
        tree = ast.parse(Path(path).read_text())
        if not lives(path, tree, MODULES[path]):
            print(f"{path}: its tests fail without any change", file=sys.stderr)
            return 2
        found = list(mutants(tree))
        alive = [lives(path, changed, MODULES[path]) for _, changed in found]
        dead = alive.count(False)
        print(f"{path}: {dead} of {len(found)} killed", flush=True)
        for (what, _), living in zip(found, alive, strict=True):
            if living:
                print(f"    lives: {what}")
        killed += dead
        whole += len(found)
    share = killed / whole if whole else 1.0
    print(f"{killed} of {whole} mutants killed, {share:.1%}; the goal is {GOAL:.0%}")
    return 0 if share >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
