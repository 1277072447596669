"""Mutation testing of the modules that decide: which small changes would no test notice?

    make mutants                        # all of them: scripts/deciders.py
    make mutants ARGS="registry/domain/damping.py"
    make mutants ARGS="--write"         # all of them, and docs/reference/mutants.md

Each mutant is the module with one thing changed: a comparison, an arithmetic or a boolean
operator, a constant, a condition negated, a returned value. It lives if the module's tests
still pass. The files are left as they were: a mutant is given to the tests by an import hook,
in a process of its own.

The exit code is 0 when at least GOAL of the mutants of each module were killed, and it is
known of each that lives why it may.
"""

from __future__ import annotations

import argparse
import ast
import copy
import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import NamedTuple

import hypothesis  # loaded once, before the forks
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts import mutants_page  # noqa: E402  # the path is set just above
from scripts.deciders import DECIDERS  # noqa: E402  # the same

GOAL = mutants_page.GOAL
TIMES, LEAST_SECONDS = 10, 5.0
"""A mutant that takes so many times the processor time of the tests without any change, and more
than these seconds, loops for ever, and counts as killed."""
PROGRESS_SECONDS = 10.0
"""Of a long module it is told so often how far it is."""

_LEFT_OUT = [
    f"-pno:{plugin}"
    for plugin in (
        *("asyncio", "cacheprovider", "logging", "timeout", "anyio", "threadexception"),
        *("unraisableexception", "warnings", "faulthandler", "junitxml", "xdist", "capture"),
    )
]
"""Plugins of pytest that these tests need not, and that take longer than they do."""
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
        self._name = _module(path)
        self._code = compile(ast.fix_missing_locations(tree), path, "exec")

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> ModuleSpec | None:
        """The module, if it is the one."""
        return ModuleSpec(fullname, self, origin=self._path) if fullname == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed module."""
        exec(self._code, module.__dict__)


class Mutant(NamedTuple):
    """A module with one thing changed."""

    name: str
    """Where it was changed, and how: it outlives a move to another line."""
    tree: ast.Module
    in_body: bool
    """Whether a function's body was changed, and nothing that is reckoned as it is loaded."""


def mutants(tree: ast.Module) -> Iterator[Mutant]:
    """Every mutant of a module."""
    for number, kind, name, in_body in _changes(tree):
        changed = copy.deepcopy(tree)
        _mutate(next(each for at, each in enumerate(ast.walk(changed)) if at == number), kind)
        yield Mutant(name, changed, in_body)


def names(tree: ast.Module) -> set[str]:
    """Those of all mutants of a module, a hundred times sooner than the mutants themselves."""
    return {name for _, _, name, _ in _changes(tree)}


def _changes(tree: ast.Module) -> Iterator[tuple[int, int, str, bool]]:
    """Which node of the walk is changed, which way, and what a Mutant says of it."""
    left_out = {
        id(each.value)
        for each in ast.walk(tree)
        if isinstance(each, ast.keyword) and each.arg in _NO_BEHAVIOUR
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == "__repr__":
            left_out |= {id(each) for each in ast.walk(node)}
    places = _places(tree)
    in_bodies = {
        id(each)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        for statement in node.body
        for each in ast.walk(statement)
    }
    for number, node in enumerate(ast.walk(tree)):
        if id(node) in left_out:
            continue
        for kind in range(_kinds(node)):
            after = _mutate(copy.deepcopy(node), kind)
            if after is not None:
                before = ast.unparse(node)
                name = f"{places.get(id(node), 'module')}: {_told(before)} -> {_told(after)}"
                yield number, kind, name, id(node) in in_bodies


def _places(tree: ast.Module) -> dict[int, str]:
    """By node: the function it is in, or what it is assigned to."""
    places: dict[int, str] = {}
    for node in ast.walk(tree):  # outer ones first, so that inner ones have the last word
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                place = name
            case ast.Assign(targets=[ast.Name(id=name)]):
                place = name
            case ast.AnnAssign(target=ast.Name(id=name)) if id(node) not in places:
                place = name
            case ast.AnnAssign(target=ast.Name(id=name)) if places[id(node)][0].isupper():
                place = f"{places[id(node)]}.{name}"
            case _:
                continue
        if isinstance(node, ast.Assign) and id(node) in places:
            continue
        places |= {id(each): place for each in ast.walk(node)}
    return places


def _told(source: str) -> str:
    return " ".join(source.split())[:100]


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


def _module(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".")


def _patch(path: str, tree: ast.Module) -> None:
    """Give the functions of the module, where it is loaded already, their bodies in `tree`."""
    code = compile(ast.fix_missing_locations(tree), path, "exec")
    bodies = dict(_bodies(code))
    module = sys.modules[_module(path)]
    for each in [*vars(module).values()]:
        owned = [*vars(each).values()] if isinstance(each, type) else [each]
        for found in owned:
            bare = found.fget if isinstance(found, property) else found
            bare = getattr(bare, "__func__", bare)
            if isinstance(bare, FunctionType) and bare.__code__.co_filename.endswith(path):
                bare.__code__ = bodies[bare.__qualname__]


def _bodies(code: CodeType) -> Iterator[tuple[str, CodeType]]:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield each.co_qualname, each
            yield from _bodies(each)


class _Sower:
    """A pytest plugin that forks for each mutant: in the child the tests go on, with it.

    To begin pytest, and to collect tests, takes longer than to run those of one module, so it is
    done once. The parent runs no test itself.
    """

    def __init__(self, sow: Callable[[ast.Module], None], trees: Sequence[ast.Module]) -> None:
        self.alive: list[bool] = []
        """Of each tree. The first is the module without any change; if its tests fail, the only."""
        self.is_child = False
        self._sow = sow
        self._trees = trees

    def go(self) -> object:
        limit_seconds = 0.0  # no limit, of the first
        told = time.monotonic()
        for at, tree in enumerate(self._trees):
            child = os.fork()
            if child == 0:
                self.is_child = True
                gc.disable()  # which would copy all that is shared with the parent
                # Of processor time, so that a busy machine does not kill what would live.
                signal.setitimer(signal.ITIMER_PROF, limit_seconds)
                self._sow(tree)
                return None
            _, status, used = os.wait4(child, 0)
            self.alive.append(status == 0)
            if at == 0:
                if status != 0:
                    break
                limit_seconds = max(LEAST_SECONDS, TIMES * (used.ru_utime + used.ru_stime))
            if time.monotonic() - told >= PROGRESS_SECONDS:
                told = time.monotonic()
                print(f"    {at} of {len(self._trees) - 1} tried", file=sys.stderr, flush=True)
        return True


class _BeforeCollection(_Sower):
    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> object:
        return self.go()


class _BeforeTests(_Sower):
    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self) -> object:
        return self.go()


def living(
    path: str, tree: ast.Module, found: Sequence[Mutant], tests: Sequence[str]
) -> list[Mutant] | None:
    """The mutants with which the tests pass; None when they fail with `tree`, the module itself."""
    # A body is changed in the module as the tests have loaded it, which takes a tenth of the time.
    # What lives is tried once more from the beginning, for what tests do as they are loaded.
    quick = [each for each in found if each.in_body]
    patched = _BeforeTests(lambda each: _patch(path, each), [tree, *(m.tree for m in quick)])
    is_sound, *alive = _tried(patched, tests)
    if not is_sound:
        return None
    slow = [each for each in found if not each.in_body]
    slow += [mutant for mutant, lives in zip(quick, alive, strict=True) if lives]
    loaded = _BeforeCollection(
        lambda each: sys.meta_path.insert(0, _Finder(path, each)), [tree, *(m.tree for m in slow)]
    )
    is_sound, *alive = _tried(loaded, tests)
    if not is_sound:
        return None
    lives_on = {id(mutant) for mutant, lives in zip(slow, alive, strict=True) if lives}
    return [mutant for mutant in found if id(mutant) in lives_on]


def _tried(sower: _Sower, tests: Sequence[str]) -> list[bool]:
    sys.stdout.flush()
    own, quiet = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    code = pytest.main(
        ["-x", "-q", "--tb=no", "--noconftest", "-o", "addopts=", *_LEFT_OUT, *tests], [sower]
    )
    if sower.is_child:
        os._exit(int(code != 0))
    # the next run loads the tests, and what they test, anew
    for name, module in list(sys.modules.items()):
        if _is_ours(getattr(module, "__file__", None)):
            del sys.modules[name]
    os.dup2(own, 1)
    os.close(own)
    os.close(quiet)
    return sower.alive


def _is_ours(file: str | None) -> bool:
    folders = ("registry", "dns_frontend", "tests")
    return file is not None and any(file.startswith(f"{ROOT}/{each}/") for each in folders)


def main() -> int:
    """Try every mutant, name those that live, and say how many were killed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("modules", nargs="*", help="of those in the table; default: all")
    parser.add_argument("--write", action="store_true", help="the page that tells of all")
    options = parser.parse_args()
    if options.write and options.modules:
        parser.error("--write is of all modules: name none")
    # the same examples each time, so that what lives does so each time
    # (and the first that fails is enough: it need not be the smallest)
    hypothesis.settings.register_profile(
        "mutants",
        derandomize=True,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate, hypothesis.Phase.target],
    )
    hypothesis.settings.load_profile("mutants")
    results = []
    paths = options.modules or list(DECIDERS)
    for number, path in enumerate(paths, start=1):
        print(f"[{number}/{len(paths)}] {path}", file=sys.stderr, flush=True)
        result = _judged(path)
        if result is None:
            print(f"{path}: its tests fail without any change", file=sys.stderr)
            return 2
        results.append(result)
        print(f"{path}: {result.killed} of {result.count} killed", flush=True)
        for name in result.alive:
            print(f"    lives: {name}{'' if result.reason(name) else '  WHY?'}", flush=True)
    killed, count = sum(each.killed for each in results), sum(each.count for each in results)
    print(
        f"{killed} of {count} mutants killed, {killed / count:.1%}; the goal is {GOAL:.0%} of each"
    )
    if options.write:
        mutants_page.PAGE.write_text(mutants_page.page(results))
    return int(not all(each.is_good for each in results))


def _judged(path: str) -> mutants_page.Result | None:
    tree = ast.parse((ROOT / path).read_text())
    found = list(mutants(tree))
    alive = living(path, tree, found, DECIDERS[path].tests)
    if alive is None:
        return None
    return mutants_page.Result(path, len(found), tuple(each.name for each in alive))


if __name__ == "__main__":
    sys.exit(main())
