"""A frontend and a real registry, from a registration to the octets of an answer."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import dns.edns
import dns.rcode
import pytest
from frontend_site import addresses, ask, octets, settings
from registry_site import SERVICE, Site, eventually

from dns_frontend.feed.lkg import DirectoryInUseError
from dns_frontend.main import FrontendServer
from dns_frontend.server.listener import Listener
from sheetanchor.telemetry import StatusPage
from sheetanchor.v1 import registration_service_pb2 as pb

NOWHERE = "127.0.0.1:1"


@asynccontextmanager
async def frontend_of(
    directory: Path, registry: str, *, regions: tuple[str, ...] = ("eu", "us")
) -> AsyncIterator[FrontendServer]:
    """One that follows a registry."""
    server = FrontendServer(settings(directory, (registry,), regions=regions))
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def test_a_registration_becomes_an_answer_and_goes_with_its_instance(
    site: Site, tmp_path: Path
) -> None:
    """A and SRV records of what registered; one that left is answered no more."""
    async with frontend_of(tmp_path / "dns", site.server.grpc_address) as frontend:
        one = await site.register("one", port=8081)
        await site.register("two", port=8082)
        await eventually(lambda: addresses(frontend, "cart"))

        async def ports() -> list[int]:
            reply = await ask(frontend, "cart", "SRV")
            return sorted(record.port for records in reply.answer for record in records)

        async def both() -> bool:
            return await ports() == [8081, 8082]

        async def the_other() -> bool:
            return await ports() == [8082]

        await eventually(both)
        await site.registration.DeregisterInstance(
            pb.DeregisterInstanceRequest(name=f"{SERVICE}/instances/one", uid=one.instance.uid)
        )
        await eventually(the_other)


async def test_who_waits_is_answered_between_the_answers_that_a_change_makes_anew(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each answer that was compiled is made anew by itself, and the socket is looked at before."""
    looked: list[str] = []
    answer_waiting = Listener.answer_waiting

    def look(self: Listener) -> None:
        looked.append(Path(sys._getframe(1).f_code.co_filename).stem)
        answer_waiting(self)

    monkeypatch.setattr(Listener, "answer_waiting", look)
    async with frontend_of(tmp_path / "dns", site.server.grpc_address) as frontend:
        await site.register("one", port=8081)
        await eventually(lambda: addresses(frontend, "cart"))
        looked.clear()
        await site.register("two", port=8082)

        async def both() -> bool:
            return len((await ask(frontend, "cart", "SRV")).answer[0]) == 2

        await eventually(both)
        assert {"recompilation", "applier", "cell", "digest"} <= set(looked)


async def test_without_its_registry_it_answers_the_same(site: Site, tmp_path: Path) -> None:
    """While it is away, and after a restart in that time; it stays ready (I15, I16)."""
    await site.register("one")
    await site.register("one", parent="namespaces/shop/services/till", region="us")
    async with frontend_of(tmp_path / "dns", site.server.grpc_address) as frontend:
        await eventually(lambda: addresses(frontend, "cart"))
        await eventually(lambda: addresses(frontend, "till"))
        await eventually(lambda: frontend.ready)
        await site.server.stop(0)
        await eventually(lambda: "connected" not in repr(frontend))
        # taken only now: until it is gone, a registry may publish another generation
        before = await octets(frontend, "cart", "till", "none")
        assert await addresses(frontend, "cart") == ["127.0.0.1"]
        assert await addresses(frontend, "till") == ["127.0.0.1"]
        assert frontend.ready
    for _ in range(2):
        async with frontend_of(tmp_path / "dns", site.server.grpc_address) as frontend:
            assert await octets(frontend, "cart", "till", "none") == before
            assert frontend.ready


async def test_without_a_snapshot_it_says_that_it_is_not_ready(tmp_path: Path) -> None:
    """SERVFAIL and the reason, for names that may exist; never that there is none (I17)."""
    status = StatusPage()
    server = FrontendServer(settings(tmp_path, (NOWHERE,)), status=status)
    await server.start()
    try:
        for kind in ("A", "SRV", "TXT"):
            reply = await ask(server, "cart", kind)
            assert reply.rcode() == dns.rcode.SERVFAIL
            (told,) = [o for o in reply.options if isinstance(o, dns.edns.EDEOption)]
            assert told.code == dns.edns.EDECode.NOT_READY
        assert not server.ready
        assert status.failures() == {"cells of dns-1": "nothing is known yet of eu"}
    finally:
        await server.stop()
    assert status.failures() == {}


async def test_it_serves_soon_after_its_registry_came(site: Site, tmp_path: Path) -> None:
    """Started with nothing and nobody to ask (F13)."""
    address = site.server.grpc_address
    await site.register("one")
    async with frontend_of(tmp_path / "dns", address, regions=("eu",)) as frontend:
        await eventually(lambda: addresses(frontend, "cart"))
        assert frontend.ready


async def test_two_frontends_cannot_share_a_directory(tmp_path: Path) -> None:
    """The second is told so, and takes nothing from the first."""
    async with frontend_of(tmp_path, NOWHERE) as frontend:
        with pytest.raises(DirectoryInUseError, match="in use by another frontend"):
            await FrontendServer(settings(tmp_path, (NOWHERE,))).start()
        assert (await ask(frontend, "cart")).rcode() == dns.rcode.SERVFAIL


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount")
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine mounts no tmpfs")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


async def test_a_full_disk_delays_no_answer_and_harms_no_snapshot(
    site: Site, small_disk: Path
) -> None:
    """It serves from memory, with an alarm, and catches up when there is room (F9)."""
    filler = small_disk / "filler"
    await site.register("one")
    async with frontend_of(small_disk / "dns", site.server.grpc_address) as frontend:
        await eventually(lambda: addresses(frontend, "cart"))
        fill(filler)
        last = ""
        async with asyncio.timeout(30):
            # the first ones still fit into the journal's last page
            while not frontend.disk_failing:
                last += "x"
                await site.register("one", parent=f"namespaces/shop/services/{last}")
                await serves(frontend, last)
        # and now more than a page has room for, also if the disk sees it as one step: what failed
        # above may have been another cell's file
        for number in range(100):
            last = f"late{number}"
            await site.register("one", parent=f"namespaces/shop/services/{last}")
        await serves(frontend, last)
        assert frontend.disk_failing
        assert await addresses(frontend, "cart") == ["127.0.0.1"]
    # what was there before is there still
    async with frontend_of(small_disk / "dns", NOWHERE) as frontend:
        assert await addresses(frontend, "cart") == ["127.0.0.1"]
        assert await addresses(frontend, last) == []
    async with frontend_of(small_disk / "dns", site.server.grpc_address) as frontend:
        await serves(frontend, last)
        await eventually(lambda: frontend.disk_failing)
        filler.unlink()
        await eventually(lambda: not frontend.disk_failing)
    async with frontend_of(small_disk / "dns", NOWHERE) as frontend:
        assert await addresses(frontend, last) == ["127.0.0.1"]


async def serves(frontend: FrontendServer, service: str) -> None:
    """Wait until the service is answered."""
    await eventually(lambda: addresses(frontend, service))


def fill(path: Path) -> None:
    """Leave no room at all."""
    with path.open("wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue


async def test_frontends_come_and_go_while_the_registry_lives(site: Site, tmp_path: Path) -> None:
    """Two at once, each for itself."""
    await site.register("one")
    async with frontend_of(tmp_path / "a", site.server.grpc_address) as first:
        async with frontend_of(tmp_path / "b", site.server.grpc_address) as second:
            await asyncio.gather(
                eventually(lambda: addresses(first, "cart")),
                eventually(lambda: addresses(second, "cart")),
            )
        assert await addresses(first, "cart") == ["127.0.0.1"]


async def test_damage_on_disk_is_told_with_what_is_used_instead(
    site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Here nothing: the name may exist, so that it is not denied; the registry mends it (F14)."""
    await site.register("one")
    directory, address = tmp_path / "dns", site.server.grpc_address
    async with frontend_of(directory, address, regions=("eu",)) as frontend:
        await serves(frontend, "cart")
    (directory / "cells" / "eu" / "00000001.base").write_bytes(b"")
    async with frontend_of(directory, NOWHERE, regions=("eu",)) as frontend:
        assert (await ask(frontend, "cart")).rcode() == dns.rcode.SERVFAIL
    (told,) = [record for record in caplog.records if "is damaged" in record.message]
    assert vars(told)["used"] == "nothing"
    assert "00000001.base: header" in vars(told)["found"]
    async with frontend_of(directory, address, regions=("eu",)) as frontend:
        await serves(frontend, "cart")
    async with frontend_of(directory, NOWHERE, regions=("eu",)) as frontend:
        assert await addresses(frontend, "cart") == ["127.0.0.1"]
