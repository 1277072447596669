"""`sheetanchor break-glass` at a real frontend, whose registry may be away."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dns.asyncquery
import dns.message
import pytest
from operator_shell import Shell
from registry_site import Site, eventually

from dns_frontend.config import FeedSettings, FrontendSettings
from dns_frontend.main import FrontendServer
from registry.main import RegistryServer
from sheetanchor.cli.exit_code import ExitCode


@pytest.fixture
async def frontend(site: Site, tmp_path: Path) -> AsyncIterator[FrontendServer]:
    """A frontend in eu, in the directory that `sheetanchor dns` would give it."""
    server = FrontendServer(
        FrontendSettings(
            "f",
            "eu",
            ("eu", "us"),
            ((site.server.grpc_address,),),
            tmp_path / "data" / "dns-eu",
            port=0,
            # what is answered is on disk, where the commands look, however busy the disk is
            feed=FeedSettings(disk_patience_seconds=30.0),
        )
    )
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


async def run(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, as a process of its own, with an environment that knows no registry."""
    command = [sys.executable, "-m", "sheetanchor", "break-glass", *arguments]
    return await asyncio.to_thread(
        subprocess.run,
        [*command, "--data-dir", str(data)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


async def done(data: Path, *arguments: str) -> Any:
    """What it says as JSON; it must succeed."""
    finished = await run(data, *arguments, "--json")
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


async def answer(frontend: FrontendServer, service: str) -> list[str]:
    host, _, port = frontend.dns_address.rpartition(":")
    query = dns.message.make_query(f"{service}.shop.svc.anchor.internal.", "A")
    reply = await dns.asyncquery.udp(query, host, port=int(port), timeout=30)
    return [record.address for records in reply.answer for record in records]


async def test_an_operator_saves_pins_and_lifts_with_the_registry_dead(
    site: Site, frontend: FrontendServer, data: Path, tmp_path: Path
) -> None:
    """From the first look to the last, in the words that are shown (I21, I22)."""
    await site.register("one", parent="namespaces/shop/services/cart")
    await eventually(lambda: answer(frontend, "cart"))
    file = tmp_path / "kept"
    saved = await done(data, "save", "eu", str(file))
    await site.register("one", parent="namespaces/shop/services/desk")
    await eventually(lambda: answer(frontend, "desk"))
    await site.server.stop(0)

    again = await run(data, "save", "eu", str(file))
    assert (again.returncode, "exists already" in again.stderr) == (5, True)
    pinned = await done(data, "pin", str(file), "--reason", "desk is not to be trusted")
    assert (pinned["digest"], pinned["pinned"]) == (saved["digest"], "eu")
    shown = await run(data, "list")
    lines = shown.stdout.splitlines()
    assert [line.split()[4] for line in lines[1:] if line.startswith("eu")] == ["current", "pinned"]
    audit = [json.loads(line) for line in (data / "dns-eu" / "audit").read_text().splitlines()]
    assert [(deed["verb"], deed["reason"]) for deed in audit] == [
        ("pin", "desk is not to be trusted")
    ]
    assert await answer(frontend, "desk") == ["127.0.0.1"], "a name that the pin lacks stays (I7)"
    await done(data, "lift", "eu", "--reason", "over")
    nothing = await run(data, "lift", "eu", "--reason", "again")
    assert (nothing.returncode, "nothing is pinned" in nothing.stderr) == (4, True)


async def test_the_zones_settings_are_no_service_of_what_is_counted(
    site: Site, frontend: FrontendServer, data: Path, tmp_path: Path
) -> None:
    """They are in the plan when what is committed after them is; nobody sees them as a service."""
    shell = Shell(site.server.grpc_address)
    set_ = await shell.run("zone", "set", "--negative-ttl", "3")
    assert set_.exit_code == 0, set_.output
    await site.register("one")
    await eventually(lambda: answer(frontend, "cart"))
    head = (await shell.json("plans", "eu"))["cells"][0]["plans"][0]
    assert head["service_count"] == 1
    saved = await done(data, "save", "eu", str(tmp_path / "kept"))
    assert saved["services"] == 1
    listed = [each for each in (await done(data, "list"))["snapshots"] if each["cell"] == "eu"]
    assert {each["services"] for each in listed} == {1}


async def test_what_was_done_with_the_registry_away_is_written_down_when_it_is_back(
    site: Site, frontend: FrontendServer, data: Path, tmp_path: Path
) -> None:
    """Once each, however often it is told: also when frontend and registry start anew."""
    await site.register("one")
    await eventually(lambda: answer(frontend, "cart"))
    file = tmp_path / "kept"
    saved = await done(data, "save", "eu", str(file))
    address = site.server.grpc_address
    await site.server.stop(0)
    await done(data, "pin", str(file), "--reason", "east is wrong")
    await done(data, "lift", "eu", "--reason", "over")
    await frontend.stop()

    registry = RegistryServer(replace(site.settings, listen=address))
    again = FrontendServer(
        FrontendSettings("f", "eu", ("eu", "us"), ((address,),), data / "dns-eu", port=0)
    )
    shell = Shell(address)
    try:
        await registry.start()

        async def told(count: int) -> Any:
            entries = (await shell.json("list", "audit"))["audit"]
            return entries if len(entries) >= count else None

        await again.start()
        entries = await eventually(lambda: told(2))
        pin, lift = sorted(entries, key=lambda each: str(each["act"]), reverse=True)
        assert (pin["act"], lift["act"]) == ("ACT_BREAK_GLASS_PIN", "ACT_BREAK_GLASS_LIFT")
        assert (pin["frontend"], pin["cell"], pin["reason"]) == ("f", "eu", "east is wrong")
        assert base64.b64decode(pin["digest"]).hex() == saved["digest"]
        assert int(pin["generation"]) == saved["generation"]
        assert "@" in pin["actor"]
        times = [pin["act_time"], lift["act_time"], lift["receive_time"]]
        # as texts "05Z" comes after "05.787Z", and "05" does not
        assert sorted(times, key=lambda time: str(time).rstrip("Z")) == times
        await again.stop()
        again = FrontendServer(
            FrontendSettings("f", "eu", ("eu", "us"), ((address,),), data / "dns-eu", port=0)
        )
        await again.start()
        await done(data, "pin", str(file), "--reason", "once more")
        entries = await eventually(lambda: told(3))
        assert len(entries) == 3, "what was told before is not written again"
        rows = [line.split() for line in (await shell.run("list", "audit")).stdout.splitlines()]
        assert rows[0] == ["ACT", "OF", "WHAT", "WHO", "AGO", "REASON"]
        assert rows[1][:5] == ["break-glass", "pin", "f", "of", "eu"]
        shown = await shell.json("get", "audit", pin["name"].partition("/")[2])
        assert shown == pin
        absent = await shell.run("get", "audit", "nothing")
        assert absent.exit_code == ExitCode.NOT_FOUND
    finally:
        await again.stop()
        await registry.stop(0)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("pin", "/nowhere", "--reason", "x"), 2, "nothing was changed"),
        (("pin", __file__, "--reason", "x"), 2, "nothing was changed"),
        (("pin", __file__), 2, "--reason"),
        (("save", "eu", "/nowhere/at/all"), 2, "there is no directory /nowhere/at"),
        (("save", "atlantis", "/tmp/never-written"), 4, "knows nothing of the cell"),
        (("list", "--region", "mars"), 4, "is not there"),
    ],
)
async def test_slips_are_told_and_change_nothing(
    frontend: FrontendServer, data: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    """One line, what and why; no traceback."""
    finished = await run(data, *arguments)
    assert finished.returncode == code
    assert words in " ".join(finished.stderr.split())
    assert "Traceback" not in finished.stderr
    assert not (data / "dns-eu" / "pins").exists()


async def test_without_a_frontend_it_says_where_it_looked(tmp_path: Path) -> None:
    """The most likely slip in the middle of the night."""
    finished = await run(tmp_path, "list")
    assert (finished.returncode, str(tmp_path) in finished.stderr) == (4, True)
