"""A canary goes by staged settings of the zone, tries them, and says how they do (I19)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from feed_samples import LIMITS, snapshot
from open_port import listening

from dns_frontend.feed.applier import Applier
from dns_frontend.feed.canary import Canary, StageReport
from dns_frontend.feed.lkg import LastKnownGood
from dns_frontend.feed.scribe import Scribe
from dns_frontend.plan.cell import CellState, Rules
from dns_frontend.plan.entry import ZONE_KEY, ServiceKey
from dns_frontend.plan.ledger import Ledger
from dns_frontend.plan.ranking import Ranking
from dns_frontend.plan.role import Role
from dns_frontend.plan.zone import ZoneSettings
from dns_frontend.wire.table import AnswerTable
from sheetanchor.v1 import instance_pb2, plan_pb2, service_pb2, zone_settings_pb2

REGIONS = ("eu", "us", "ap")


def settings(*networks: tuple[str, str], **ttls: Any) -> zone_settings_pb2.ZoneSettings:
    """Settings; without networks nothing is said of them."""
    made = zone_settings_pb2.ZoneSettings(**ttls)
    for cidr, region in networks:
        made.client_networks.networks.add(cidr=cidr, region=region)
    return made


def zone_entry(
    in_force: zone_settings_pb2.ZoneSettings, staged: zone_settings_pb2.ZoneSettings
) -> bytes:
    """The zone in one cell, with a change that bakes."""
    made = plan_pb2.ServicePlan(namespace=ZONE_KEY.namespace, service=ZONE_KEY.service)
    made.policy.CopyFrom(service_pb2.ServicePolicy(zone=in_force))
    made.staged.uid = "t1"
    made.staged.policy.CopyFrom(service_pb2.ServicePolicy(zone=staged))
    return made.SerializeToString()


def cart(address: str, port: int) -> bytes:
    """A service in one cell, with an endpoint that is healthy on paper."""
    made = plan_pb2.ServicePlan(namespace="shop", service="cart")
    made.endpoints.add(
        instance="one",
        uid="u1",
        addresses=[address],
        ports=[instance_pb2.Port(name="main", number=port)],
        weight=1,
        health=instance_pb2.HEALTH_HEALTHY,
    )
    return made.SerializeToString()


class Bird:
    """A canary over three cells; `others` is what a registry of other regions says of the zone."""

    def __init__(
        self,
        zone: bytes,
        carts: dict[str, bytes],
        *,
        role: Role = Role.CANARY,
        others: bytes | None = None,
        cells: tuple[str, ...] = REGIONS,
    ) -> None:
        self.reports: list[StageReport] = []
        own = ZoneSettings("anchor.internal.", networks=(("10.0.0.0/8", "eu"),))
        self.table = AnswerTable(own, "eu", REGIONS)
        scribe = Scribe(
            LastKnownGood(Path("/nowhere"), LIMITS), "f", patience_seconds=1, retry_seconds=1
        )
        self.applier = Applier("f", self.table, scribe, Rules(LIMITS), role=role)
        self.canary = Canary(
            "f", self.applier, self.table, own, REGIONS, self._hear, period_seconds=0.01
        )
        states = []
        for cell in cells:
            said = zone if others is None or cell == "eu" else others
            bodies = {ZONE_KEY.entry: said}
            if cell in carts:
                bodies["shop/cart"] = carts[cell]
            states.append(CellState(cell, served=snapshot(1, cell=cell, bodies=bodies)))
        self.applier.restore(states, {})

    async def _hear(self, report: StageReport) -> None:
        self.reports.append(report)

    async def faults(self) -> list[str]:
        """What is said after a look."""
        self.reports.clear()
        await self.canary.look()
        return [report.fault for report in self.reports]


async def test_only_a_canary_goes_by_staged_settings() -> None:
    """It vouches for those that do no harm, once a look though three cells carry them."""
    octets = zone_entry(settings(), settings(negative_ttl_seconds=3))
    plain, bird = Bird(octets, {}, role=Role.SERVING), Bird(octets, {})
    assert plain.table.zone.settings.negative_ttl_seconds == 5
    assert bird.table.zone.settings.negative_ttl_seconds == 3
    assert await plain.faults() == []
    assert await bird.faults() == [""]
    assert bird.reports == [StageReport("ap", ZONE_KEY, "t1", "")]


@pytest.mark.parametrize(
    ("staged", "fault"),
    [
        ({"negative_ttl_seconds": 60}, "the negative TTL would be 60 s"),
        ({"degraded_ttl_seconds": 1}, "the degraded TTL would be 1 s"),
    ],
)
async def test_a_ttl_that_does_harm_is_told_of(staged: dict[str, Any], fault: str) -> None:
    """Whatever a registry let pass, one of a later version for instance (I30)."""
    bird = Bird(zone_entry(settings(), settings(**staged)), {})
    (found,) = await bird.faults()
    assert found.startswith(fault)


async def test_clients_are_not_sent_to_a_region_that_nobody_here_knows() -> None:
    """Though the registry was told of it."""
    bird = Bird(zone_entry(settings(), settings(("10.9.0.0/16", "mars"))), {})
    assert await bird.faults() == [
        "clients of 10.9.0.0/16 would be in mars, and no cell of that region is known here"
    ]


async def test_clients_are_not_sent_to_closed_ports() -> None:
    """Those of the network that moves are answered from us, whose endpoint refuses."""
    octets = zone_entry(settings(), settings(("10.0.0.0/8", "us")))
    async with listening("127.0.0.2") as eu, listening("127.0.0.3") as us:
        bird = Bird(octets, {"eu": cart("127.0.0.2", eu), "us": cart("127.0.0.3", us)})
        assert await bird.faults() == [""]
        bird = Bird(octets, {"eu": cart("127.0.0.2", eu), "us": cart("127.0.0.3", 1)})
        (fault,) = await bird.faults()
    assert fault.startswith(
        "A for clients in 10.0.0.0/8, of shop/cart in us instead of eu:"
        " 0 of 1 endpoints take connections"
    )


async def test_settings_of_another_region_are_tried_as_there() -> None:
    """Here its own region's hold; the change of the others would harm their clients."""
    mine = plan_pb2.ServicePlan(namespace=ZONE_KEY.namespace, service=ZONE_KEY.service)
    mine.policy.zone.negative_ttl_seconds = 2
    theirs = zone_entry(settings(), settings(negative_ttl_seconds=60))
    bird = Bird(mine.SerializeToString(), {}, others=theirs)
    assert bird.table.zone.settings.negative_ttl_seconds == 2
    (fault,) = await bird.faults()
    assert fault.startswith("the negative TTL would be 60 s")


async def test_nothing_is_said_while_a_region_is_not_loaded() -> None:
    """Neither that it does well nor that it does badly: nothing can be tried (I17)."""
    octets = zone_entry(settings(), settings(negative_ttl_seconds=3))
    assert await Bird(octets, {}, cells=("eu", "us")).faults() == []


async def test_a_zone_that_is_not_answered_for_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """The synthetic questions go to the very table that clients ask."""
    bird = Bird(zone_entry(settings(), settings(negative_ttl_seconds=3)), {})
    apex = bird.table.find(b"\6anchor\10internal\0", 6, "eu")
    monkeypatch.setattr(bird.table, "find", lambda *_: apex)
    assert await bird.faults() == ["A of no-such-name.the zone: rcode 0"]


async def test_each_look_tries_other_services() -> None:
    """So that a bake sees many."""
    bird = Bird(zone_entry(settings(), settings(("10.0.0.0/8", "us"))), {})
    for number in range(20):
        key = ServiceKey("shop", f"s{number}")
        bird.table.services[key] = Ledger(key, Ranking("eu", REGIONS))
    known = set(bird.table.services)
    tried: set[ServiceKey] = set()
    for _ in range(3):
        chosen = [ledger.key for ledger in bird.canary._next_ledgers()]
        assert len(chosen) == 8
        tried.update(chosen)
    assert tried == known
