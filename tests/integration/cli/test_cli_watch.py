"""`sheetanchor watch` as a real process, and what it says when its registry dies."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from operator_shell import Shell
from registry_site import SERVICE, Site
from two_keys import confirmed

from registry.main import RegistryServer
from sheetanchor.cli.exit_code import ExitCode
from sheetanchor.v1.admin_service_pb2 import DeleteServiceRequest

DEADLINE_SECONDS = 60.0


@asynccontextmanager
async def watching(registry: str, *arguments: str) -> AsyncIterator[Process]:
    """The verb at work; it is killed with the block if it has not ended."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sheetanchor", "watch", "--registry", registry, *arguments),
        stdout=PIPE,
        stderr=PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        limit=1 << 20,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def event(process: Process, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The next line of JSON that is wanted."""
    assert process.stdout is not None
    async with asyncio.timeout(DEADLINE_SECONDS):
        while line := await process.stdout.readline():
            found: dict[str, Any] = json.loads(line)
            if wanted(found):
                return found
    raise AssertionError("the watch ended")


async def line(process: Process, begin: str) -> str:
    """The next line of text with `begin` after its time."""
    assert process.stdout is not None
    async with asyncio.timeout(DEADLINE_SECONDS):
        while text := (await process.stdout.readline()).decode():
            if text[10:].startswith(begin):
                return text[10:].rstrip("\n")
    raise AssertionError("the watch ended")


async def test_json_lines_hold_snapshot_checkpoints_and_changes(site: Site, shell: Shell) -> None:
    """Each line is a document; revisions only rise; Ctrl-C ends it with 130."""
    await site.register("one")
    async with watching(shell.registry, "shop/cart", "--json") as process:
        snapshot = await event(process, lambda e: e["event"] == "snapshot")
        assert [i["name"] for i in snapshot["instances"]] == [f"{SERVICE}/instances/one"]
        assert [s["name"] for s in snapshot["services"]] == [SERVICE]
        await event(process, lambda e: e["event"] == "checkpoint")
        await site.register("two")
        changed = await event(process, lambda e: e["event"] == "changes")
        (change,) = changed["changes"]
        assert change["instance"]["name"] == f"{SERVICE}/instances/two"
        assert changed["revision"] == int(change["revision"]) > snapshot["revision"]
        process.send_signal(signal.SIGINT)
        _, errors = await process.communicate()
        assert process.returncode == ExitCode.INTERRUPTED
        assert errors == b""


async def test_text_shows_a_line_a_change(site: Site, shell: Shell) -> None:
    """What is, what changed, what is gone; and once that nothing is missing."""
    await site.register("one")
    async with watching(shell.registry, "shop") as process:
        assert "1 service, 1 instance" in await line(process, "snapshot at revision")
        assert await line(process, "= service") == "= service shop/cart"
        assert "127.0.0.1:8080" in await line(process, "= instance shop/cart/one")
        await line(process, "caught up at revision")
        await confirmed(site.admin.DeleteService, DeleteServiceRequest(name=SERVICE, force=True))
        assert await line(process, "- instance") == "- instance shop/cart/one"
        assert await line(process, "- service") == "- service shop/cart"


async def test_watch_goes_on_after_a_given_revision(site: Site, shell: Shell) -> None:
    """A script that remembers where it was sees no snapshot, and misses nothing."""
    first = await site.register("one")
    await site.register("two")
    since = str(first.instance.revision)
    async with watching(shell.registry, "--json", "--since", since) as process:
        found = await event(process, lambda e: True)
        assert found["event"] == "changes"
        names = [c["instance"]["name"] for c in found["changes"] if "instance" in c]
        assert names == [f"{SERVICE}/instances/two"]


async def said(process: Process) -> str:
    """The next line of standard error."""
    assert process.stderr is not None
    async with asyncio.timeout(DEADLINE_SECONDS):
        return (await process.stderr.readline()).decode()


async def test_parent_that_is_not_there_is_watched_for_and_told(site: Site, shell: Shell) -> None:
    """It may be a slip; what comes later is shown all the same."""
    async with watching(shell.registry, "shop/cart") as process:
        assert "no service shop/cart yet" in await said(process)
        await line(process, "caught up at revision")
        await site.register("one")
        assert "shop/cart/one" in await line(process, "~ instance")


async def test_snapshot_in_place_of_what_was_asked_for_is_told(site: Site, shell: Shell) -> None:
    """A revision that the registry never had cannot be gone on from."""
    await site.register("one")
    async with watching(shell.registry, "--json", "--since", "9999") as process:
        assert "cannot go on after revision 9999" in await said(process)
        assert (await event(process, lambda e: True))["event"] == "snapshot"


async def test_watch_outlives_its_registry(site: Site, shell: Shell) -> None:
    """The break is told, and the stream resumed where it broke when the registry is back."""
    await site.register("one")
    address = site.server.grpc_address
    async with watching(address, "--json") as process:
        await event(process, lambda e: e["event"] == "snapshot")
        await site.server.stop(0)
        broken = await event(process, lambda e: e["event"] == "interrupted")
        assert broken["error"]
        again = RegistryServer(site.settings.__class__(
            data_dir=site.settings.data_dir, regions=site.settings.regions, listen=address
        ))  # fmt: skip
        await again.start()
        try:
            back = await event(process, lambda e: e["event"] != "interrupted")
            assert back["event"] in ("checkpoint", "snapshot", "changes")
            assert back["revision"] >= broken["revision"]
        finally:
            await again.stop(0)


async def test_registry_that_was_never_there_is_not_waited_for() -> None:
    """A wrong address ends with the code for that."""
    async with watching("127.0.0.1:1") as process:
        _, errors = await process.communicate()
        assert process.returncode == ExitCode.UNREACHABLE
        assert errors.count(b"\n") == 1
