"""Breaking the glass at a running frontend, and at one that starts with nobody to ask (F41)."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import dns.asyncquery
import dns.message
import pytest
from registry_site import Site, eventually

from dns_frontend.config import FeedSettings, FrontendSettings
from dns_frontend.feed.lkg import LastKnownGood
from dns_frontend.feed.pins import PinBoard
from dns_frontend.feed.record import DamagedError
from dns_frontend.feed.snapshot_file import write_snapshot
from dns_frontend.main import FrontendServer
from dns_frontend.plan.guard import Limits
from sheetanchor.v1 import admin_service_pb2


class Frontends:
    """Frontends of one test, each with its directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._running: list[FrontendServer] = []

    def path(self, name: str) -> Path:
        """The directory of one."""
        return self._directory / name

    def board(self, name: str) -> PinBoard:
        """Its pins."""
        return PinBoard(self.path(name), Limits())

    async def start(self, name: str, registry: str) -> FrontendServer:
        """Start one, until it answers."""
        settings = FrontendSettings(
            name,
            "eu",
            ("eu",),
            ((registry,),),
            self.path(name),
            port=0,
            # what is answered is on disk, where the tests look, however busy the disk is
            feed=FeedSettings(disk_patience_seconds=30.0),
        )
        server = FrontendServer(settings)
        await server.start()
        self._running.append(server)
        return server

    async def stop(self) -> None:
        """Stop all."""
        for server in self._running:
            await server.stop()


@pytest.fixture
async def frontends(tmp_path: Path) -> AsyncIterator[Frontends]:
    found = Frontends(tmp_path)
    yield found
    await found.stop()


async def answer(frontend: FrontendServer, service: str) -> list[str]:
    """The A records of a service."""
    host, _, port = frontend.dns_address.rpartition(":")
    query = dns.message.make_query(f"{service}.shop.svc.anchor.internal.", "A")
    reply = await dns.asyncquery.udp(query, host, port=int(port), timeout=30)
    return sorted(record.address for records in reply.answer for record in records)


async def register(site: Site, service: str, instance: str = "one") -> None:
    await site.register(instance, parent=f"namespaces/shop/services/{service}")


def saved(frontend: Path, to: Path) -> Path:
    """What the files of a running frontend lead to, saved as a snapshot."""
    snapshot = LastKnownGood(frontend, Limits()).peek("eu").snapshot
    assert snapshot is not None
    write_snapshot(to, snapshot)
    return to


async def test_a_pin_is_served_at_once_reported_and_lifted(
    site: Site, frontends: Frontends
) -> None:
    """The registry keeps publishing; the frontend serves the pin and says so until it is lifted."""
    await register(site, "cart")
    first = await frontends.start("first", site.server.grpc_address)
    await eventually(lambda: answer(first, "cart"))
    kept = saved(frontends.path("first"), frontends.path("kept.base"))
    await register(site, "desk")
    await eventually(lambda: answer(first, "desk"))
    board = frontends.board("first")
    pinned = board.place(kept, "desk has wrong addresses", "noon", "ops@here")
    assert [key for key, _ in pinned.tree] == ["shop/cart"]

    async def refusal() -> str:
        reply = await site.admin.ListFrontends(admin_service_pb2.ListFrontendsRequest())
        return "".join(cell.refusal for each in reply.frontends for cell in each.cells)

    await eventually(refusal)
    assert "pinned: break-glass by ops@here at noon: desk has wrong addresses" in await refusal()
    assert await pinned_in_why(first, "cart")
    # a name that the pin lacks is not emptied (I7); one that comes later waits
    assert await answer(first, "desk") == ["127.0.0.1"]
    await register(site, "till")
    await register(site, "cart", "two")
    assert await answer(first, "till") == []
    assert board.lift("eu", "over", "one", "ops@here")
    await eventually(lambda: answer(first, "till"))
    await eventually(lambda: not_refused(refusal))
    assert not await pinned_in_why(first, "cart")
    assert not board.lift("eu", "again", "one", "ops@here")
    verbs = [line.split('"verb": "')[1].split('"')[0] for line in audit(frontends.path("first"))]
    assert verbs == ["pin", "lift"]


async def pinned_in_why(frontend: FrontendServer, service: str) -> bool:
    """Whether the frontend says in `_why` that its cell is pinned."""
    host, _, port = frontend.dns_address.rpartition(":")
    query = dns.message.make_query(f"_why.{service}.shop.svc.anchor.internal.", "TXT")
    reply = await dns.asyncquery.tcp(query, host, port=int(port), timeout=30)
    return "pinned_by_operator" in reply.to_text()


async def not_refused(refusal: Callable[[], object]) -> bool:
    return not await refusal()  # type: ignore[misc]  # a coroutine function


def audit(directory: Path) -> list[str]:
    return (directory / "audit").read_text().splitlines()


async def test_a_black_start_serves_a_pin_with_nobody_to_ask(
    site: Site, frontends: Frontends
) -> None:
    """Another frontend's file is enough: no registry, no database, no name (I22).

    Nor does the terminal's encoding matter.
    """
    await register(site, "cart")
    donor = await frontends.start("donor", site.server.grpc_address)
    await eventually(lambda: answer(donor, "cart"))
    frontends.path("fresh").mkdir()
    base = saved(frontends.path("donor"), frontends.path("donor.base"))
    frontends.board("fresh").place(base, os.fsdecode(b"d\xe9part"), "midnight", "ops")
    fresh = await frontends.start("fresh", "127.0.0.1:1")
    assert await answer(fresh, "cart") == ["127.0.0.1"]
    assert fresh.ready


async def test_a_damaged_file_is_no_pin(site: Site, frontends: Frontends) -> None:
    """Refused when it is placed, with what is wrong; and passed over when it went bad there."""
    await register(site, "cart")
    first = await frontends.start("first", site.server.grpc_address)
    await eventually(lambda: answer(first, "cart"))
    good = saved(frontends.path("first"), frontends.path("good.base")).read_bytes()
    for octets in (b"", good[:-20], good[:-20] + bytes((good[-20] ^ 1,)) + good[-19:], b"x" * 99):
        bad = frontends.path("bad.base")
        bad.write_bytes(octets)
        with pytest.raises(DamagedError):
            frontends.board("first").place(bad, "slip", "noon", "ops")
        assert frontends.board("first").marks() == {}
    (frontends.path("first") / "pins").mkdir(exist_ok=True)
    (frontends.path("first") / "pins" / "eu.base").write_bytes(good[:-20])
    await register(site, "desk")
    await eventually(lambda: answer(first, "desk"))
