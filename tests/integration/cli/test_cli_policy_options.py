"""Each part of a service's policy can be typed, taken back, and is refused by its option's name."""

from __future__ import annotations

import re
import shlex
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from operator_shell import Shell
from registry_site import Site

from registry.adapters.store.factory import SQLITE_FILE
from sheetanchor.cli.exit_code import ExitCode

PAGE = Path(__file__).resolve().parents[3] / "docs/howto/change-a-policy-safely.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


async def test_a_whole_policy_is_typed_and_taken_back(shell: Shell) -> None:
    """What is unset has its default again, and nothing else has."""
    made = await shell.json(
        "create", "service", "shop/cart",
        "--distance", "eu,us=80", "--enter-hold", "5", "--overprovisioning", "1.4",
        "--all-down", "static", "--static-address", "192.0.2.1", "--static-address", "2001:db8::1",
        "--rise", "3", "--fall", "4", "--damping-window", "20", "--slow-start", "1.5",
    )  # fmt: skip
    failover = made["policy"]["failover"]
    assert failover["distances"] == [{"start": "eu", "end": "us", "distance": 80}]
    assert (failover["enter_hold"], failover["overprovisioning"]) == ("5s", 1.4)
    assert failover["all_down"] == "ALL_DOWN_STATIC"
    assert failover["static_addresses"] == ["192.0.2.1", "2001:db8::1"]
    assert made["policy"]["health"] == {
        "rise": 3,
        "fall": 4,
        "damping_window": "20s",
        "slow_start": "1.500s",
    }
    back = await shell.json(
        "update", "service", "shop/cart", "--all-down", "last-known-good",
        *("--unset", "static-address", "--unset", "fall", "--unset", "damping-window"),
    )  # fmt: skip
    others = {"all_down": "ALL_DOWN_LAST_KNOWN_GOOD", "static_addresses": []}
    assert back["policy"]["failover"] == failover | others
    health = back["policy"]["health"]
    assert (health["rise"], health["fall"], health["damping_window"]) == (3, 0, "10s")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--rise", "11"), "--rise: "),
        (("--fall", "-1"), "--fall: "),
        (("--damping-window", "0"), "--damping-window: "),
        (("--slow-start", "901"), "--slow-start: "),
        (("--enter-hold", "601"), "--enter-hold: "),
        (("--overprovisioning", "11"), "--overprovisioning: "),
        (("--distance", "eu,mars=1"), "--distance (value 1): mars is not among"),
        (("--distance", "eu,us=0"), "--distance (value 1): "),
        (("--all-down", "static"), "--static-address: "),
        (("--static-address", "192.0.2.1"), "--static-address: must be unset when all_down is"),
        (("--all-down", "static", "--static-address", "here"), "--static-address (value 1): "),
    ],
)
async def test_what_the_registry_refuses_is_told_by_option(
    shell: Shell, words: tuple[str, ...], told: str
) -> None:
    """And changes nothing."""
    done = await shell.run("create", "service", "shop/cart", *words)
    assert done.exit_code == ExitCode.USAGE, done.output
    assert done.stderr.startswith(f"sheetanchor: {told}"), done.stderr
    assert await shell.json("list", "services") == {"services": []}


async def test_every_change_is_written_down_with_its_reason(shell: Shell) -> None:
    """Also one that lowers no floor and skips no canary."""
    assert (await shell.run("create", "service", "shop/cart")).exit_code == 0
    words = ("--rise", "3", "--exit-hold", "9", "--reason", "it flaps")
    assert (await shell.run("update", "service", "shop/cart", *words)).exit_code == 0
    head, row = await shell.table("list", "audit")
    assert head == ["ACT", "OF", "WHAT", "WHO", "AGO", "REASON"]
    assert row[:5] == ["update", "service", "shop/cart", "exit-hold,", "rise"]
    assert row[-2:] == ["it", "flaps"]


async def test_a_service_that_cannot_be_read_is_told_and_made_anew(
    site: Site, shell: Shell
) -> None:
    """It is not said to be absent; to create it is the way on, for only that loses nothing."""
    assert (await shell.run("create", "service", "shop/cart", "--ttl", "20")).exit_code == 0
    with closing(sqlite3.connect(site.settings.data_dir / SQLITE_FILE)) as database, database:
        database.execute("UPDATE services SET body = '{}' WHERE service = 'cart'")
    for words in (("get", "service"), ("delete", "service"), ("divert", "--cell", "eu")):
        verb, *rest = words
        done = await shell.run(verb, *rest, "shop/cart", *more(verb))
        assert done.exit_code == ExitCode.FAILED, (words, done.output)
        assert "services/cart cannot be read (KeyError: 'key')" in done.stderr
    changed = await shell.run("update", "service", "shop/cart", "--rise", "3")
    assert (changed.exit_code, changed.stdout) == (ExitCode.FAILED, "")
    assert (await shell.run("create", "service", "shop/cart", "--ttl", "30")).exit_code == 0
    found = await shell.json("get", "service", "shop/cart")
    assert found["policy"]["record_ttl_seconds"] == 30


def more(verb: str) -> tuple[str, ...]:
    """What a verb needs beside."""
    return ("--for", "60", "--reason", "why") if verb == "divert" else ()


async def test_a_policy_that_answers_nobody_is_shown_first(shell: Shell) -> None:
    """It lowers the floor under a name (I41)."""
    assert (await shell.run("create", "service", "shop/cart")).exit_code == 0
    words = ("update", "service", "shop/cart", "--all-down", "servfail")
    assert (await shell.run(*words)).exit_code == ExitCode.CONFLICT
    done = await shell.run(*words, "--yes")
    assert done.exit_code == 0
    assert "    all_down: ALL_DOWN_SERVFAIL" in done.stdout.splitlines()


async def test_the_commands_of_the_page_on_policies_work(shell: Shell) -> None:
    """Those that name no region, one after the other."""
    assert (await shell.run("create", "service", "default/hello")).exit_code == 0
    typed = [
        shlex.split(line)[1:]
        for block in BLOCK.findall(PAGE.read_text())
        for line in block.splitlines()
        if line.startswith("sheetanchor update service") and "--region-order" not in line
    ]
    assert len(typed) >= 5
    for words in typed:
        done = await shell.run(*words, "--yes")
        assert done.exit_code == 0, (words, done.output)
    found = (await shell.json("get", "service", "default/hello"))["policy"]
    assert (found["health"]["rise"], found["health"]["fall"]) == (0, 2)
    assert found["failover"]["static_addresses"] == []
