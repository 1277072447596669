"""A worker goes on answering what it last knew, until it has something whole to take its place."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import dns.asyncquery
import dns.edns
import dns.message
import pytest
from registry_site import eventually

from dns_frontend.config import FrontendSettings
from dns_frontend.feed import base, record
from dns_frontend.feed.change import Begun, Marked, Recalled
from dns_frontend.feed.decode import published_of
from dns_frontend.feed.replay import step_between
from dns_frontend.plan.cell import Snapshot
from dns_frontend.plan.digest import EntryTree
from dns_frontend.plan.entry import CellPosition
from dns_frontend.plan.guard import Limits
from dns_frontend.server.settings import ServerSettings
from dns_frontend.workers import worker as worker_module
from dns_frontend.workers.channel import Channel, Letter
from dns_frontend.workers.frame import Frame, FrameError, Kind, pack
from dns_frontend.workers.memory import Memory
from dns_frontend.workers.retelling import letter, letter_of
from dns_frontend.workers.terms import Terms, unpacked
from dns_frontend.workers.worker import Worker
from sheetanchor.cli.demo.port import free_port
from sheetanchor.v1 import instance_pb2, plan_pb2


def snapshot(generation: int, address: str) -> Snapshot:
    made = plan_pb2.ServicePlan(
        namespace="shop",
        service="cart",
        endpoints=[
            plan_pb2.Endpoint(
                instance="one",
                uid="uid",
                addresses=[address],
                ports=[instance_pb2.Port(name="main", number=8080)],
                weight=1,
                health=instance_pb2.HEALTH_HEALTHY,
                evidence=instance_pb2.EVIDENCE_VALIDATED,
            )
        ],
    )
    body = made.SerializeToString(deterministic=True)
    tree = EntryTree().replace({"shop/cart": published_of("shop/cart", body, Limits())}, ())
    return Snapshot(CellPosition("east", "east", 1, generation, tree.digest, 1), tree)


ONE, TWO = snapshot(1, "10.0.0.1"), snapshot(2, "10.0.0.2")
TIMES: Mapping[str, object] = {"now": 1.0, "wall": 1.0}


class Scene:
    """A worker, and its frontend's end of the channel in the test's own hands."""

    def __init__(self, directory: Path) -> None:
        self.now = 0.0
        self.port = free_port()
        self.raw, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.frontend = Channel(self.raw)
        self.heard: list[Frame] = []
        settings = FrontendSettings("f", "east", ("east",), (("h:1",),), directory)
        terms = Terms(1, settings, ServerSettings(), self.port, 7, logging.INFO)
        self.terms = unpacked(terms.packed())
        self.worker = Worker(Channel(far), self.terms, memoryview(b""), clock=lambda: self.now)
        self.frontend.listen(self._hear)

    def _hear(self) -> None:
        while (frame := self.frontend.receive()) is not None:
            self.heard.append(frame)

    def begin(self, what: Snapshot) -> int:
        """Tell it to answer from this; returns the number of the word."""
        begun = letter_of(Begun(what, 1.0, 1.0))
        begun.body = Memory(base.encode(what))
        letters = [Letter(Kind.AFRESH), begun, letter_of(Recalled({})), letter_of(Marked())]
        for each in letters:
            self.frontend.put(each)
        return self.frontend.put(letter(Kind.SERVE))

    async def served(self, number: int) -> None:
        await eventually(lambda: number in self.done())

    def done(self) -> list[int]:
        return [f.head["number"] for f in self.heard if f.kind is Kind.SERVED]

    def doubts(self) -> list[str]:
        return [f.head["reason"] for f in self.heard if f.kind is Kind.DOUBT]

    async def told(self) -> tuple[list[str], list[str]]:
        """The addresses of the service, and what is said of them."""
        query = dns.message.make_query("cart.shop.svc.anchor.internal.", "A", use_edns=0)
        reply = await dns.asyncquery.udp(query, "127.0.0.1", port=self.port, timeout=30)
        said = [o.text or "" for o in reply.options if isinstance(o, dns.edns.EDEOption)]
        return [record.address for records in reply.answer for record in records], said


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    made = Scene(tmp_path)
    running = asyncio.create_task(made.worker.run())
    yield made
    made.frontend.put(letter(Kind.STOP))
    async with asyncio.timeout(30):
        await running
    made.frontend.close()


async def test_it_answers_when_it_is_told_to_and_says_how_far_it_is(scene: Scene) -> None:
    """Before that it is not there for anybody."""
    await scene.served(scene.begin(ONE))
    assert await scene.told() == (["10.0.0.1"], [])
    step = record.step_octets(step_between(ONE, TWO))
    await scene.served(scene.frontend.put(letter(Kind.STEPPED, TIMES, step)))
    assert await scene.told() == (["10.0.0.2"], [])
    # nothing was said to be done before it was answered from
    assert min(scene.done()) == 5


@pytest.mark.parametrize("trouble", ["garbage", "missing", "elsewhere"])
async def test_what_it_cannot_follow_changes_no_answer_until_all_is_there(
    scene: Scene, trouble: str
) -> None:
    """It doubts, answers as before, does nothing that comes meanwhile, and takes what is whole."""
    await scene.served(scene.begin(ONE))
    number = scene.frontend.number
    match trouble:
        case "garbage":
            scene.raw.send(b"garbage")
        case "missing":
            scene.raw.send(pack(Kind.REVIEWED, number + 2, b'{"now":1}', b""))
        case "elsewhere":
            step = record.step_octets(step_between(TWO, ONE))
            number = scene.frontend.put(letter(Kind.STEPPED, TIMES, step))
    await eventually(scene.doubts)
    forgotten = scene.frontend.put(letter(Kind.FORGOTTEN, {"cell": "east"}))
    assert await scene.told() == (["10.0.0.1"], [])
    connection = await asyncio.open_connection("127.0.0.1", scene.port)
    await scene.served(scene.begin(TWO))
    assert await scene.told() == (["10.0.0.2"], [])
    # what was not done is not said to be, or a registry would be told so
    assert not {forgotten, number if trouble == "elsewhere" else 0} & {*scene.done()}
    assert len(scene.doubts()) == 1
    # a client that was connected all the while is answered over the same connection
    query = dns.message.make_query("cart.shop.svc.anchor.internal.", "A").to_wire()
    reader, writer = connection
    writer.write(len(query).to_bytes(2, "big") + query)
    async with asyncio.timeout(30):
        size = int.from_bytes(await reader.readexactly(2), "big")
        reply = dns.message.from_wire(await reader.readexactly(size))
    assert "10.0.0.2" in str(reply.answer[0])
    writer.close()
    await writer.wait_closed()


async def test_answers_are_marked_when_the_frontend_says_nothing_for_long(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may stand still; answers go on, and say so (I15), until it is heard again."""
    monkeypatch.setattr(worker_module, "REPORT_SECONDS", 0.01)
    await scene.served(scene.begin(ONE))
    scene.now = scene.terms.settings.stale_seconds + 1

    async def says() -> list[str]:
        addresses, said = await scene.told()
        assert addresses == ["10.0.0.1"]
        return said

    await eventually(says)
    assert await says() == ["plan of east not confirmed lately"]
    await scene.served(scene.frontend.put(letter_of(Marked())))
    assert await says() == []


async def test_the_zone_of_the_plans_is_the_worker_s_as_well(scene: Scene) -> None:
    """Its clients are in the regions that the plans say, from a step as from a whole cell."""

    async def view() -> str:
        query = dns.message.make_query("_why.cart.shop.svc.anchor.internal.", "TXT", use_edns=0)
        reply = await dns.asyncquery.udp(query, "127.0.0.1", port=scene.port, timeout=30)
        (found,) = re.findall(r"view=(\w+)", str(reply.answer))
        return str(found)

    made = plan_pb2.ServicePlan(namespace="sheetanchor", service="zone")
    network = made.policy.zone.client_networks.networks.add()
    network.cidr, network.region = "127.0.0.0/8", "west"
    body = made.SerializeToString(deterministic=True)
    published = published_of("sheetanchor/zone", body, Limits())
    tree = ONE.tree.replace({"sheetanchor/zone": published}, ())
    west = Snapshot(CellPosition("east", "east", 1, 2, tree.digest, 1), tree)
    await scene.served(scene.begin(ONE))
    assert await view() == "east"
    step = record.step_octets(step_between(ONE, west))
    await scene.served(scene.frontend.put(letter(Kind.STEPPED, TIMES, step)))
    assert await view() == "west"
    await scene.served(scene.begin(west))
    assert await view() == "west"


def test_terms_of_another_release_are_refused() -> None:
    """It was installed over the one that runs: the word says what to do."""
    settings = FrontendSettings("f", "east", ("east",), (("h:1",),), Path("/d"))
    terms = Terms(1, settings, ServerSettings(), 1, 7, logging.INFO, edition=0)
    with pytest.raises(FrameError, match="another release"):
        unpacked(terms.packed())
    with pytest.raises(FrameError, match="cannot be read"):
        unpacked(b"garbage")
