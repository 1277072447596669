"""The emergency verbs: shown first, done when told so, and undone."""

from __future__ import annotations

import os

from operator_shell import Shell
from registry_site import Site, eventually

from sheetanchor.cli.exit_code import ExitCode


async def generation(shell: Shell) -> int:
    """The head of eu."""
    return int((await shell.json("get", "cell", "eu"))["generation"])


async def test_a_rollback_is_shown_and_then_done(site: Site, shell: Shell) -> None:
    """And says how the cell goes on."""
    await eventually(lambda: "eu" in site.server.leading)
    await site.register("one")

    async def planned() -> bool:
        return len((await shell.json("plans", "eu"))["cells"][0]["plans"]) > 1

    await eventually(planned)
    words = ("plans", "rollback", "eu", "1", "--reason", "a drill")
    shown = await shell.run(*words)
    assert shown.exit_code == ExitCode.CONFLICT, shown.output
    assert "nothing was done; run it again with --yes" in shown.output
    before = await generation(shell)
    done = await shell.run(*words, "--yes")
    assert done.exit_code == 0, done.output
    assert await generation(shell) == before + 1
    assert "until `sheetanchor unfreeze eu`" in done.output
    undone = await shell.run("unfreeze", "eu")
    assert undone.output == "eu: goes on\n"


async def test_a_freeze_of_all_is_shown_first_and_one_of_a_cell_is_not(
    site: Site, shell: Shell
) -> None:
    """I41."""
    await eventually(lambda: site.server.leading >= {"eu", "us"})
    shown = await shell.run("freeze", "all", "--reason", "why")
    assert shown.exit_code == ExitCode.CONFLICT
    assert "cells/us: automation stops" in shown.output
    assert (await shell.run("freeze", "eu", "--reason", "why")).output == "eu: frozen\n"
    assert "frozen: why" in (await shell.run("plans", "eu")).output.splitlines()[0]
    await eventually(lambda: site.server.leading == {"us"})
    assert (await shell.run("freeze", "all", "--reason", "why", "--yes")).exit_code == 0
    await eventually(lambda: not site.server.leading)
    for cell in ("us", "eu"):
        left = await shell.run("unfreeze", cell)
        assert left.output == f"{cell}: stays frozen, until `unfreeze all`: why\n"
    assert (await shell.run("freeze", "eu", "--reason", "why")).exit_code == 0
    assert (await shell.run("unfreeze", "mars")).exit_code == ExitCode.NOT_FOUND
    shown = await shell.run("unfreeze", "all")
    assert shown.exit_code == ExitCode.CONFLICT
    assert "cells/eu: stays frozen: it was frozen by itself, until `unfreeze eu`" in shown.output
    assert "cells/us: automation goes on" in shown.output
    lifted = await shell.run("unfreeze", "all", "--yes")
    assert lifted.output.endswith("all: goes on\n")
    assert (await shell.run("unfreeze", "eu")).output == "eu: goes on\n"
    assert (await shell.run("unfreeze", "eu")).output == "eu: was not frozen\n"


async def test_a_plan_is_pinned_and_let_go(site: Site, shell: Shell) -> None:
    """One that is not there is an exit code of its own."""
    await eventually(lambda: "eu" in site.server.leading)

    async def pinned() -> bool:
        return (await shell.run("pin", "eu", "1", "--reason", "why")).exit_code == 0

    await eventually(pinned)
    assert (await shell.run("unpin", "eu", "1")).exit_code == 0
    gone = await shell.run("pin", "eu", "999", "--reason", "why")
    assert gone.exit_code == ExitCode.NOT_FOUND


async def test_a_reason_in_another_encoding_stops_a_cell_all_the_same(
    site: Site, shell: Shell
) -> None:
    """A terminal that is not of UTF-8 is no reason to fail in an emergency."""
    done = await shell.run("freeze", "eu", "--reason", os.fsdecode(b"caf\xe9"))
    assert (done.exit_code, done.output) == (0, "eu: frozen\n")
    (deed,) = (await shell.json("list", "audit"))["audit"]
    assert deed["reason"] == "caf?"
