"""The emergency verbs: shown first, done when told so, and undone."""

from __future__ import annotations

import asyncio
import os
import re

from operator_shell import Shell
from registry_site import Site, eventually

from sheetanchor.cli.exit_code import ExitCode

UNCHANGED = "was not frozen; nothing was changed, and `list audit` has nothing of it"


async def generation(shell: Shell) -> int:
    """The head of eu."""
    return int((await shell.json("get", "cell", "eu"))["generation"])


async def test_a_rollback_is_shown_and_then_done(site: Site, shell: Shell) -> None:
    """And says how the cell goes on."""

    async def planned(endpoints: int) -> bool:
        plans = (await shell.json("plans", "eu"))["cells"][0]["plans"]
        return bool(plans) and plans[0]["endpoint_count"] == endpoints

    # the first registration may be in the first plan of all
    for endpoints, instance in enumerate(("one", "two"), 1):
        await site.register(instance)
        await eventually(lambda: planned(endpoints))  # noqa: B023 - called before the loop goes on
    words = ("plans", "rollback", "eu", "1", "--reason", "a drill")
    shown = await shell.run(*words)
    assert shown.exit_code == ExitCode.CONFLICT, shown.output
    assert "nothing was done; run it again with --yes" in shown.output
    assert re.search(
        r"^[01] services? goe?s? back, [01] stays?; \d endpoints? ", shown.output, re.M
    )
    before = await generation(shell)
    done = await shell.run(*words, "--yes")
    assert done.exit_code == 0, done.output
    # a verdict on the instance may be published between the two
    assert await generation(shell) > before
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
    assert "us: automation stops" in shown.output
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
    assert "eu: stays frozen: it was frozen by itself, until `unfreeze eu`" in shown.output
    assert "us: automation goes on" in shown.output
    lifted = await shell.run("unfreeze", "all", "--yes")
    assert lifted.output.splitlines()[-2:] == [
        "eu: stays frozen, until `unfreeze eu`: why",
        "all others: go on",
    ]
    assert (await shell.run("unfreeze", "eu")).output == "eu: goes on\n"
    for cell in ("eu", "all"):
        again = await shell.run("unfreeze", cell)
        assert (again.exit_code, again.output) == (0, f"{cell}: {UNCHANGED}\n")


async def test_a_second_freeze_says_since_when_and_why_it_was_frozen(shell: Shell) -> None:
    """And where the reason went that was given now."""
    assert (await shell.run("freeze", "eu", "--reason", "first")).output == "eu: frozen\n"
    again = await shell.run("freeze", "eu", "--reason", "second")
    first, second = again.output.splitlines()
    assert re.fullmatch(r"eu: frozen already, since \S+ \S+ UTC by \S+: first", first)
    assert second == "nothing was changed; the reason that was given now is in `list audit`"
    told = await shell.json("freeze", "eu", "--reason", "third")
    assert told["earlier_freeze"]["reason"] == "first"
    reasons = [each["reason"] for each in (await shell.json("list", "audit"))["audit"]]
    assert reasons == ["third", "second", "first"]


async def test_a_cell_that_a_file_stops_is_shown_so_and_is_not_said_to_go_on(
    site: Site, shell: Shell
) -> None:
    """The file is lifted by its removal alone."""
    file = site.settings.data_dir / "freeze"
    assert (await shell.run("freeze", "eu", "--reason", "why")).exit_code == 0
    file.write_text("eu\n")

    async def leader(cell: str) -> str:
        rows = await shell.table("list", "cells")
        return " ".join(next(row for row in rows if row[0] == cell)[2:4])

    async def shown() -> bool:
        return bool((await shell.json("get", "cell", "eu"))["freeze_file"])

    await eventually(shown)
    assert (await leader("eu")).startswith("frozen ")
    stays = f"eu: stays frozen at the node that was asked, until the file {file} is removed there"
    assert (await shell.run("unfreeze", "eu")).output == f"{stays}\n"

    async def resigned() -> bool:
        return await leader("eu") == "freeze file"

    await eventually(resigned)
    assert f"by the file {file}" in (await shell.run("plans", "eu")).output.splitlines()[1]
    assert (await shell.run("unfreeze", "eu")).output == f"{stays}\n"
    assert (await shell.run("freeze", "all", "--reason", "why", "--yes")).exit_code == 0
    lifted = await shell.run("unfreeze", "all", "--yes")
    assert f"eu: stays frozen, until the file {file} is removed" in lifted.output
    assert lifted.output.splitlines()[-2:] == [stays, "all others: go on"]
    await asyncio.to_thread(file.unlink)

    async def led() -> bool:
        return "freeze" not in await leader("eu")

    await eventually(led)
    assert (await shell.run("unfreeze", "all", "--yes")).output == f"all: {UNCHANGED}\n"


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
