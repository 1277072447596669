"""`sheetanchor zone` against a real registry."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from operator_shell import Shell
from registry_site import Site

from registry.adapters.store.factory import SQLITE_FILE
from sheetanchor.cli.exit_code import ExitCode


async def test_the_zone_is_shown_with_what_is_left_to_the_frontends(shell: Shell) -> None:
    """Before anybody set anything, and after."""
    done = await shell.run("zone", "get")
    assert done.stdout.splitlines() == [
        "settings:",
        "  none",
        "left to the frontends:",
        "  negative_ttl_seconds: each frontend's own, 5",
        "  degraded_ttl_seconds: each frontend's own, 5",
        "  nameserver_ttl_seconds: each frontend's own, 60",
        "  client_networks: each frontend's own, its --network",
    ]
    networks = ("--network", "10.1.0.0/16=us", "--network", "10.0.0.0/8=eu")
    done = await shell.run("zone", "set", "--negative-ttl", "3", *networks)
    assert done.stdout.splitlines()[:6] == [
        "settings:",
        "  negative_ttl_seconds: 3",
        "  client_networks: 10.0.0.0/8=eu, 10.1.0.0/16=us",
        "left to the frontends:",
        "  degraded_ttl_seconds: each frontend's own, 5",
        "  nameserver_ttl_seconds: each frontend's own, 60",
    ]
    found = await shell.json("zone", "get")
    assert found["settings"]["negative_ttl_seconds"] == 3
    assert found["settings"]["client_networks"]["networks"][0] == {
        "cidr": "10.0.0.0/8",
        "region": "eu",
    }


async def test_a_dry_run_changes_nothing(shell: Shell) -> None:
    """It shows what would be, and refuses what would be refused."""
    done = await shell.run("zone", "set", "--negative-ttl", "3", "--dry-run")
    assert done.stdout.splitlines()[:3] == [
        "nothing was changed; it would be:",
        "settings:",
        "  negative_ttl_seconds: 3",
    ]
    assert (await shell.json("zone", "get"))["settings"] == {}
    done = await shell.run("zone", "set", "--network", "10.0.0.0/8=mars", "--dry-run")
    assert done.exit_code == ExitCode.USAGE
    assert "--network (value 1): mars is not among the regions known here" in done.stderr


async def test_what_was_set_is_left_to_the_frontends_again(shell: Shell) -> None:
    """One by one; an empty table of networks is something else."""
    await shell.run("zone", "set", "--negative-ttl", "3", "--degraded-ttl", "10")
    done = await shell.json("zone", "set", "--unset", "negative-ttl", "--no-networks")
    assert done["settings"] == {
        "degraded_ttl_seconds": 10,
        "client_networks": {"networks": []},
    }
    done = await shell.json("zone", "set", "--unset", "network", "--unset", "degraded-ttl")
    assert done["settings"] == {}


async def test_settings_are_replaced_as_a_whole(shell: Shell) -> None:
    """What is not given is left to the frontends; to give nothing is refused (I39)."""
    await shell.run("zone", "set", "--negative-ttl", "3", "--degraded-ttl", "10")
    done = await shell.run("zone", "set", "--replace")
    assert (done.exit_code, "nothing to change was given" in done.stderr) == (ExitCode.USAGE, True)
    done = await shell.json("zone", "set", "--replace", "--negative-ttl", "4")
    assert done["settings"] == {"negative_ttl_seconds": 4}


async def test_settings_that_cannot_be_read_are_told_and_given_anew(
    site: Site, shell: Shell
) -> None:
    """They are not shown as none, and an edit of some does not drop the others."""
    await shell.run("zone", "set", "--negative-ttl", "3", "--degraded-ttl", "10")
    with closing(sqlite3.connect(site.settings.data_dir / SQLITE_FILE)) as database, database:
        database.execute("UPDATE services SET body = '{}' WHERE service = 'zone'")
    for words in (("get",), ("set", "--negative-ttl", "2"), ("set", "--unset", "network")):
        done = await shell.run("zone", *words)
        assert (done.exit_code, done.stdout) == (ExitCode.FAILED, "")
        assert "the zone's settings cannot be read (KeyError('key'))" in done.stderr
        assert "Nothing was changed" in done.stderr
        assert "`zone set --replace`" in done.stderr
    given = ("--negative-ttl", "2", "--degraded-ttl", "10", "--no-networks")
    assert (await shell.run("zone", "set", "--replace", *given)).exit_code == 0
    assert (await shell.json("zone", "get"))["settings"] == {
        "negative_ttl_seconds": 2,
        "degraded_ttl_seconds": 10,
        "client_networks": {"networks": []},
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "nothing to change was given"),
        (("--network", "10.0.0.0/8"), "--network: '10.0.0.0/8' is not of the form CIDR=REGION"),
        (("--network", "10.0.0.0/8=eu", "--no-networks"), "either --network or --no-networks"),
        (("--unset", "ttl"), "--unset: 'ttl' is none of negative-ttl, "),
        (("--unset", "negative-ttl", "--negative-ttl", "3"), "negative-ttl is given as well"),
        (("--negative-ttl", "0"), "--negative-ttl: must be 1 to 5 s, is 0"),
        (("--negative-ttl", "99999999999"), "the settings: "),
    ],
)
async def test_what_cannot_be_meant_is_told_by_its_option(
    shell: Shell, arguments: tuple[str, ...], said: str
) -> None:
    """And changes nothing."""
    done = await shell.run("zone", "set", *arguments)
    assert (done.exit_code, said in done.stderr) == (ExitCode.USAGE, True), done.stderr
    assert (await shell.json("zone", "get"))["settings"] == {}


async def test_an_edit_from_an_old_reading_is_refused(shell: Shell) -> None:
    """As of a service."""
    etag = (await shell.json("zone", "set", "--negative-ttl", "3"))["etag"]
    await shell.run("zone", "set", "--negative-ttl", "4", "--now", "--reason", "haste")
    done = await shell.run("zone", "set", "--negative-ttl", "2", "--etag", etag)
    assert done.exit_code == ExitCode.CONFLICT
    entries = (await shell.json("list", "audit"))["audit"]
    assert [each["detail"] for each in entries] == [
        "settings.negative_ttl_seconds at once",
        "settings.negative_ttl_seconds",
    ]
