"""Verbs that destroy show what they would do, and ask."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pty
import sys

import pytest
from operator_shell import Shell
from registry_site import SERVICE, Site, eventually

from sheetanchor.cli.exit_code import ExitCode

DELETE = ("delete", "service", "shop/cart", "--force")
DEADLINE_SECONDS = 60.0


async def exists(shell: Shell) -> bool:
    """Whether the service does."""
    return (await shell.run("get", "service", "shop/cart")).exit_code == 0


async def register(site: Site, shell: Shell) -> None:
    """Register the only instance, until it is answered with: a preview tells of that."""
    await site.register("one")

    async def is_answered() -> bool:
        return "eu: the name gets a tombstone" in (await shell.run(*DELETE)).output

    await eventually(is_answered)


async def at_terminal(shell: Shell, answer: str, *arguments: str) -> tuple[int, str]:
    """Type a verb at a terminal, and then an answer to what it asks; its code and output."""
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sheetanchor", *arguments),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=os.environ | {"SHEETANCHOR_REGISTRY": shell.registry, "TERM": "dumb"},
        start_new_session=True,
    )
    os.close(theirs)
    shown = b""
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while b"[y/N]" not in shown:
                shown += await asyncio.to_thread(os.read, ours, 4096)
            os.write(ours, answer.encode())
            with contextlib.suppress(OSError):  # the terminal's end, when they are gone
                while octets := await asyncio.to_thread(os.read, ours, 4096):
                    shown += octets
            return await process.wait(), shown.decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(ours)


async def test_a_script_that_does_not_say_yes_is_shown_and_nothing_happens(
    site: Site, shell: Shell
) -> None:
    """What would go, and how to have it done."""
    await register(site, shell)
    shown = await shell.run(*DELETE)
    assert shown.exit_code == ExitCode.CONFLICT
    assert "one in cell eu, " in shown.output
    assert "nothing was done; run it again with --yes" in shown.output
    assert await exists(shell)


async def test_the_digest_of_what_was_seen_does_that_and_nothing_else(
    site: Site, shell: Shell
) -> None:
    """It comes with `--json` too; when things have changed it is refused."""
    await register(site, shell)
    shown = await shell.run(*DELETE, "--json")
    assert shown.exit_code == ExitCode.CONFLICT
    seen = json.loads(shown.stdout)["preview"]
    assert seen["effects"][0].startswith("shop/cart ")
    await site.register("two")
    late = await shell.run(*DELETE, "--digest", seen["digest"])
    assert late.exit_code == ExitCode.CONFLICT
    assert "things are not as they were" in late.stderr
    assert await exists(shell)


async def test_yes_with_json_prints_the_reply_alone(site: Site, shell: Shell) -> None:
    """The preview goes where scripts do not read."""
    await register(site, shell)
    done = await shell.run(*DELETE, "--yes", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"deleted": SERVICE}
    assert "one in cell eu, " in done.stderr


@pytest.mark.parametrize(("answer", "stays"), [("n\n", True), ("\n", True), ("y\n", False)])
async def test_somebody_at_a_terminal_is_asked(
    site: Site, shell: Shell, answer: str, stays: bool
) -> None:
    """No is the default."""
    await register(site, shell)
    code, output = await at_terminal(shell, answer, *DELETE)
    assert code == (ExitCode.CONFLICT if stays else 0), output
    assert ("nothing was done" in output) == stays
    assert await exists(shell) == stays


async def test_a_floor_is_lowered_after_a_look(shell: Shell) -> None:
    """Also by an update."""
    made = await shell.run("create", "service", "shop/cart", "--minimum-endpoints", "3")
    assert made.exit_code == 0, made.output
    lower = ("update", "service", "shop/cart", "--minimum-endpoints", "2")
    shown = await shell.run(*lower)
    assert shown.exit_code == ExitCode.CONFLICT
    assert "minimum_endpoints: 3 -> 2" in shown.output
    done = await shell.run(*lower, "--yes")
    assert done.exit_code == 0
    assert "minimum_endpoints: 2" in done.output


async def test_plans_need_no_verb_to_be_shown(site: Site, shell: Shell) -> None:
    """`plans`, `plans CELL` and `plans show CELL` are one; the old spelling is gone."""
    for words in (["plans"], ["plans", "eu"], ["plans", "show", "eu"], ["plans", "--limit", "2"]):
        done = await shell.run(*words)
        assert done.exit_code == 0, done.output
        assert done.output.startswith("cell eu, region eu")
    assert (await shell.run("plans", "nowhere")).exit_code == ExitCode.NOT_FOUND
    gone = await shell.run("rollback", "eu", "1", "--reason", "why")
    assert gone.exit_code == ExitCode.USAGE
    helped = await shell.run("plans", "--help")
    assert "rollback" in helped.output
