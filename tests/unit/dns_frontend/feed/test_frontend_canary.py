"""A canary acts on what is staged, tries it on real sockets, and reports (I19)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from feed_samples import LIMITS, snapshot
from open_port import listening

from dns_frontend.feed import canary as module
from dns_frontend.feed.applier import Applier
from dns_frontend.feed.canary import Canary, StageReport
from dns_frontend.feed.lkg import LastKnownGood
from dns_frontend.feed.scribe import Scribe
from dns_frontend.feed.word import Word
from dns_frontend.plan.cell import BaseArrived, CellState, Rules
from dns_frontend.plan.entry import ServiceKey
from dns_frontend.plan.role import Role
from dns_frontend.plan.zone import ZoneSettings
from dns_frontend.wire.body import wire_name
from dns_frontend.wire.table import AnswerTable
from sheetanchor.v1 import instance_pb2, plan_pb2, service_pb2

CART = ServiceKey("shop", "cart")
NAME = wire_name(("cart", "shop", "svc", "anchor", "internal"))
REGIONS = ("eu", "us", "ap")
US_FIRST = service_pb2.ServicePolicy(failover=service_pb2.FailoverPolicy(region_order=["us", "ap"]))
AP_FIRST = service_pb2.ServicePolicy(failover=service_pb2.FailoverPolicy(region_order=["ap", "us"]))


def octets(
    address: str = "", port: int = 1, staged: service_pb2.ServicePolicy | None = None
) -> bytes:
    """The cart in one cell, with one healthy endpoint where an address is given."""
    made = plan_pb2.ServicePlan(namespace="shop", service="cart", policy=US_FIRST)
    if address:
        made.endpoints.add(
            instance="one",
            uid="u1",
            addresses=[address],
            ports=[instance_pb2.Port(name="main", number=port)],
            weight=1,
            health=instance_pb2.HEALTH_HEALTHY,
        )
    if staged is not None:
        made.staged.uid = "t1"
        made.staged.policy.CopyFrom(staged)
    return made.SerializeToString()


@dataclass
class Bird:
    """A frontend's applier and table, with a canary on top."""

    role: Role
    reports: list[StageReport] = field(default_factory=list)

    def __post_init__(self) -> None:
        zone = ZoneSettings("anchor.internal.")
        self.table = AnswerTable(zone, "eu", REGIONS)
        scribe = Scribe(
            LastKnownGood(Path("/nowhere"), LIMITS), "f", patience_seconds=1, retry_seconds=1
        )
        self.applier = Applier("f", self.table, scribe, Rules(LIMITS), role=self.role)
        self.canary = Canary(
            "f", self.applier, self.table, zone, REGIONS, self._hear, period_seconds=0.01
        )

    async def _hear(self, report: StageReport) -> None:
        self.reports.append(report)

    def restore(self, staged: service_pb2.ServicePolicy | None, us: int, ap: int) -> None:
        """What is on disk: nothing in eu, an endpoint each in us and ap at these ports."""
        cells = {
            "eu": octets(staged=staged),
            "us": octets("127.0.0.2", us, staged),
            "ap": octets("127.0.0.3", ap, staged),
        }
        self.applier.restore(
            [
                CellState(cell, served=snapshot(1, cell=cell, bodies={"shop/cart": body}))
                for cell, body in cells.items()
            ],
            {},
        )

    def answers_with(self, address: bytes) -> bool:
        """Whether clients of eu are sent there."""
        return address in self.table.find(NAME, 1, "eu").full


US, AP = bytes((127, 0, 0, 2)), bytes((127, 0, 0, 3))


async def test_only_a_canary_answers_by_what_is_staged() -> None:
    """Also from disk, after a restart."""
    plain, canary = Bird(Role.SERVING), Bird(Role.CANARY)
    for bird in (plain, canary):
        bird.restore(AP_FIRST, 1, 1)
    assert plain.answers_with(US)
    assert not plain.answers_with(AP)
    assert canary.answers_with(AP)
    assert plain.applier.staging.staged() == []
    assert [cell for cell, _ in canary.applier.staging.staged()] == ["ap", "eu", "us"]


async def test_a_change_that_does_well_is_vouched_for_once_a_look() -> None:
    """Though three cells of the registry carry it."""
    bird = Bird(Role.CANARY)
    async with listening("127.0.0.2") as us, listening("127.0.0.3") as ap:
        bird.restore(AP_FIRST, us, ap)
        await bird.canary.look()
        await bird.canary.look()
    assert bird.reports == [StageReport("ap", CART, "t1", "")] * 2


async def test_a_change_that_leads_to_closed_ports_is_told_of() -> None:
    bird = Bird(Role.CANARY)
    async with listening("127.0.0.2") as us:
        bird.restore(AP_FIRST, us, 1)
        await bird.canary.look()
    (report,) = bird.reports
    assert report.fault.startswith("A for clients in eu: 0 of 1 endpoints take connections")


async def test_a_target_that_never_answers_costs_its_time_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It counts as one that refuses."""

    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(module, "CONNECT_SECONDS", 0.05)
    monkeypatch.setattr(module.asyncio, "open_connection", hang)
    bird = Bird(Role.CANARY)
    bird.restore(AP_FIRST, 1, 1)
    async with asyncio.timeout(30):
        await bird.canary.look()
    # so it is by the policy in force: nothing is worse
    assert [report.fault for report in bird.reports] == [""]


async def test_a_table_that_fails_to_answer_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """What would break the others is not vouched for."""

    def fail(*_: object) -> None:
        raise RecursionError("a mistake of ours")

    bird = Bird(Role.CANARY)
    bird.restore(US_FIRST, 1, 1)
    monkeypatch.setattr(bird.table, "find", fail)
    await bird.canary.look()
    assert "could not be tried: RecursionError" in bird.reports[0].fault


async def test_a_table_that_lacks_what_it_should_answer_is_a_fault() -> None:
    """The synthetic question goes to the very table that clients ask."""
    bird = Bird(Role.CANARY)
    bird.restore(US_FIRST, 1, 1)
    for cell in ("us", "ap"):
        bird.table.load(bird.table.cells[cell], {}, 1.0)
        bird.table.services[CART].entries.pop(cell, None)
        bird.table.services[CART].restart((), 1.0)
        bird.table.services[CART].remembered.clear()
    await bird.canary.look()
    assert bird.reports[0].fault == "A for clients in eu: the table has no answer"


async def test_what_has_ended_is_spoken_of_no_more() -> None:
    """Promoted or taken back: the next generation says so."""
    bird = Bird(Role.CANARY)
    bird.restore(US_FIRST, 1, 1)
    for cell, address in (("eu", ""), ("us", "127.0.0.2"), ("ap", "127.0.0.3")):
        after = snapshot(2, cell=cell, bodies={"shop/cart": octets(address)})
        event = BaseArrived(0.0, after.position, after.tree)
        assert bird.applier.take("a", cell, event, _deaf) is None
    bird.applier.serve_waiting()
    assert bird.applier.staging.staged() == []
    await bird.canary.look()
    assert bird.reports == []
    assert bird.applier.owner("eu") == "a"


def _deaf(_: Word) -> None:
    pass
