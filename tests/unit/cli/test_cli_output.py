"""What the command prints without any server: help, usage errors, completion."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from sheetanchor.cli.admin import EXITS
from sheetanchor.cli.exit_code import MEANING, ExitCode
from sheetanchor.cli.group import Group
from sheetanchor.cli.main import app
from sheetanchor.client import errors

runner = CliRunner(env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"})
VERBS = (
    *("dev", "registry", "dns", "list", "get", "watch", "resolve", "plans"),
    *("create", "update", "delete", "drain"),
)


def test_help_lists_the_verbs_and_the_exit_codes() -> None:
    """All that a user can type, in 80 columns."""
    done = runner.invoke(app, ["--help"])
    assert done.exit_code == 0
    for verb in VERBS:
        assert f"\n  {verb} " in done.stdout
    for code in ExitCode:
        assert f" {code.value}: " in done.stdout
        assert sum(line.lstrip().startswith(f"{code.value}: ") for line in done.stdout.splitlines())
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    "group", [[], ["create"], ["update"], ["delete"], ["drain"], ["drill"], ["break-glass"]]
)
def test_group_without_a_verb_shows_its_help_line_by_line(group: list[str]) -> None:
    """As --help does, but on standard error and as a wrong use, for scripts."""
    asked = runner.invoke(app, [*group, "--help"])
    bare = runner.invoke(app, group)
    assert (bare.exit_code, bare.stdout) == (ExitCode.USAGE, "")
    assert bare.stderr == asked.stdout


def test_a_word_that_is_no_verb_is_answered_with_those_that_are() -> None:
    """`drain NAME` lacks the kind of what is drained, and the refusal says which there is."""
    done = runner.invoke(app, ["drain", "default/hello/hello-1"])
    assert done.exit_code == ExitCode.USAGE
    assert done.stderr.endswith("No such command 'default/hello/hello-1'. Known here: instance.\n")


@pytest.mark.parametrize("verb", [*(v.split() for v in VERBS), ["update", "service"]])
def test_help_of_each_verb_fits_eighty_columns(verb: list[str]) -> None:
    """Each option with its unit, its default and its variable."""
    done = runner.invoke(app, [*verb, "--help"])
    assert done.exit_code == 0
    assert max(map(len, done.stdout.splitlines())) <= 80
    if verb[0] == "dns":
        text = " ".join(done.stdout.split())
        assert "--frontend-id ID" in text
        assert "[default: host name and DNS port] [env: SHEETANCHOR_FRONTEND_ID]" in text


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["registry", "--grpc", "5310"], "--grpc: '5310' is not HOST:PORT"),
        (["registry", "--regions", "a,A"], "--regions: 'A' is not a DNS label"),
        (["dns", "--regions", "a,b"], "--region: must be given"),
        (["dns", "--dns", "ns1:53"], "--dns: 'ns1' is not an IP address"),
        (["dev", "--dns", "127.0.0.1:65535", "--regions", "a,b"], "--dns: the last region's port"),
        (["registry", "--database-url", "mysql://h/d"], "--database-url: must be postgresql"),
        (["registry", "--data-dir"], "--data-dir"),
        (["list"], "KIND"),
        (["list", "shops"], "'shops' is none of namespaces, services"),
        (["list", "plans"], "list plans CELL"),
        (["list", "cells", "x"], "cells have no parent"),
        (["get", "service"], "write service NAME"),
        (["get", "cell", "a/b"], "write CELL"),
        (["watch", "a/b/c"], "NAMESPACE/SERVICE"),
        (["plans", "--limit", "0"], "--limit"),
        (["update", "service", "a/b"], "nothing to change was given"),
        (["create", "service", "a/b", "--ttl", "x"], "--ttl"),
        (["create", "service", "a/b", "--exit-hold", "nan"], "--exit-hold"),
        (["create", "service", "a/b", "--enter-hold", "nan"], "--enter-hold"),
        (["create", "service", "a/b", "--rise", "0"], "--rise: must be 1 to 10, is 0"),
        (["create", "service", "a/b", "--all-down", "x"], "--all-down: 'x' is none of fail-open-"),
        (["create", "service", "a/b", "--distance", "a,b"], "--distance: 'a,b' is not of the form"),
        (["create", "service", "a/b", "--distance", "a=1"], "--distance: 'a=1' is not of the form"),
        (["update", "service", "a/b", "--unset", "x"], "--unset: 'x' is none of ttl, region-"),
        (["update", "service", "a/b", "--unset", "ttl", "--ttl", "9"], "--unset: ttl is given as"),
        (["creat"], "'create'"),
        (["register", "a/b", "--namespace", "c", "--region", "r"], "--namespace: is c, and NAME"),
        (["get", "namespaces"], "write namespaces NAME"),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(arguments: list[str], told: str) -> None:
    """It names what is wrong, prints nothing else, and starts nothing."""
    done = runner.invoke(app, arguments)
    assert done.exit_code == ExitCode.USAGE, done.output
    assert done.stdout == ""
    assert told in done.stderr
    assert done.stderr.startswith("sheetanchor: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("Shop", (), "NAME: must be namespaces/"),
        ("shop", ("--namespace", "a_b"), "NAME: must be namespaces/"),
        ("sheetanchor/zone", (), "NAME: namespaces/sheetanchor/services/zone holds the zone's"),
        ("shop", ("--instance", "One!"), "--instance: must be 1 to 63 characters"),
        ("shop", ("--port", "A=80"), "--port (value 1): must be 1 to 63 characters"),
        ("shop", ("--port", "80", "--port", "81"), "--port (value 2): main names an earlier port"),
        ("shop", ("--ttl", "301"), "--ttl: must be 1 to 300 s, is 301"),
        ("shop", ("--priority", "-1"), "--priority: must be 0 to 65535, is -1"),
        ("shop", ("--metadata", "a b=c"), "--metadata ('a b'): the key must be"),
        ("shop", ("--check", "tcp"), "--check-port: "),
    ],
)
def test_what_every_registry_would_refuse_runs_no_command(
    tmp_path: Path, name: str, options: tuple[str, ...], told: str
) -> None:
    """Though none be there to say so: it would run on, and never be announced."""
    ran = tmp_path / "ran"
    asked = ("register", name, "--region", "e", "--registry", "127.0.0.1:1", *options)
    done = runner.invoke(app, [*asked, "--", "touch", str(ran)])
    assert done.exit_code == ExitCode.USAGE, done.output
    assert done.stderr.startswith(f"sheetanchor: {told}"), done.stderr
    assert done.stderr.count("\n") == 1
    assert not ran.exists()


def verbs(command: Any, *words: str) -> Iterator[tuple[str, ...]]:
    """What can be typed, groups included."""
    yield words
    for name, inner in getattr(command, "commands", {}).items():
        yield from verbs(inner, *words, name)


@pytest.mark.parametrize("columns", ["80", "64"])
def test_help_cuts_no_word_at_a_hyphen(columns: str) -> None:
    """Options and their values are typed as they are read, and copied."""
    known = list(verbs(typer.main.get_command(app)))
    assert ("zone", "set") in known
    for words in known:
        done = runner.invoke(app, [*words, "--help"], env={"TERMINAL_WIDTH": columns})
        assert done.exit_code == 0, done.output
        cut = [line for line in done.stdout.splitlines() if line.endswith("-")]
        assert cut == [], words
        assert done.stdout.isascii(), words


def test_misspelt_variable_stops_any_verb() -> None:
    """An operator's verb as well: it would ask the wrong registry (I39)."""
    done = runner.invoke(app, ["list", "cells"], env={"SHEETANCHOR_REGISTRI": "h:1"})
    assert done.exit_code == ExitCode.USAGE
    assert "did you mean SHEETANCHOR_REGISTR" in done.stderr


def test_database_password_is_never_repeated() -> None:
    """Not even when the URL is wrong."""
    done = runner.invoke(
        app, ["registry"], env={"SHEETANCHOR_DATABASE_URL": "mysql://u:s3cret@h/d"}
    )
    assert done.exit_code == ExitCode.USAGE
    assert "s3cret" not in done.output


def test_nobody_there_is_an_exit_code_of_its_own() -> None:
    """Each address was tried, and is named."""
    done = runner.invoke(app, ["list", "cells", "--registry", "127.0.0.1:1,127.0.0.1:2"])
    assert done.exit_code == ExitCode.UNREACHABLE
    assert "127.0.0.1:1, 127.0.0.1:2" in done.stderr


def test_every_exit_code_is_explained_once() -> None:
    """Help and docs are made of these."""
    assert set(MEANING) == set(ExitCode)


def test_every_refusal_of_the_client_has_an_exit_code() -> None:
    """What is not in the table is a fault of the registry or of ours, and none else is."""
    rest = {
        kind
        for kind in set(errors.REASONS.values()) | {errors.RegistryUnreachable}
        if kind not in EXITS
    }
    # of an instance's owner; no verb here speaks for one
    assert rest == {errors.RegistryFault, errors.LeaseLost, errors.IncarnationSuperseded}


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("sheetanchor list in", ["instances"]),
        ("sheetanchor get fr", ["frontend"]),
        ("sheetanchor pl", ["plans"]),
        ("sheetanchor registry --da", ["--data-dir", "--database-url"]),
    ],
)
def test_shell_completes_verbs_options_and_kinds(words: str, offered: list[str]) -> None:
    """As bash asks for it."""
    environment = {
        "_SHEETANCHOR_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    done = runner.invoke(app, [], env=environment, prog_name="sheetanchor")
    assert done.stdout.split() == offered


def test_reader_that_has_seen_enough_is_no_error() -> None:
    """`sheetanchor list ... | head -1` ends quietly."""
    script = "from sheetanchor.cli.main import app; app(['--help'])"
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-c", script],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["--help"], ("grpc", "sqlalchemy", "opentelemetry", "rich", "registry", "dns_frontend")),
        (
            ["dns", "--regions", "a,b"],
            ("grpc", "sqlalchemy", "alembic", "asyncpg", "registry", "migrations"),
        ),
    ],
)
def test_verbs_load_what_they_need_only(arguments: list[str], unwanted: tuple[str, ...]) -> None:
    """Help is quick, and a frontend knows neither SQL nor the registry."""
    script = (
        "import sys\n"
        "from sheetanchor.cli.main import app\n"
        "import importlib\n"
        "if sys.argv[1] == 'dns': importlib.import_module('dns_frontend.main')\n"
        "try: app(sys.argv[1:])\n"
        "finally: print('LOADED', *sorted(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False
    )
    loaded = set(done.stdout.partition("LOADED")[2].split())
    assert "typer" in loaded, done.stderr
    assert [name for name in unwanted if name in loaded] == []


def test_group_is_the_apps_class() -> None:
    """Whoever runs the app, tests included, gets the same endings."""
    assert app.info.cls is Group


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["register", "x", "--region", "e", "--check", "htp"], "--check: 'htp' is not one of "),
        (["register", "x", "--region", "e", "--ttl", "abc"], "--ttl: it is not a number"),
        (["create", "service", "x", "--ttl", "1.5"], "--ttl: it is not a whole number"),
        (["watch", "--since", "-1"], "--since: it is below 0"),
    ],
)
def test_what_is_typed_wrong_is_told_without_the_librarys_words(
    arguments: list[str], line: str
) -> None:
    """The option first, then what is wrong with its value."""
    done = runner.invoke(app, arguments)
    assert done.exit_code == ExitCode.USAGE
    assert done.stderr.startswith(f"sheetanchor: {line}")


def test_register_asks_for_a_kind_with_the_details_of_a_check() -> None:
    """A path alone does not say over what."""
    done = runner.invoke(app, ["register", "x", "--region", "e", "--check-path", "/ready"])
    assert done.exit_code == ExitCode.USAGE
    assert done.stderr.startswith("sheetanchor: --check: must be given")
