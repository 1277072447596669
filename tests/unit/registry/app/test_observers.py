"""Several nodes look at one cell: whose word counts, and for what (I14, I26)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from instance_node import GatedStore
from publication_node import CART, EU, PublicationNode, running

from registry.adapters.clock import ManualClock
from registry.adapters.probe.scripted import ScriptedProber
from registry.app.council import FORGET_SECONDS, OBSERVER_LIMIT
from registry.domain.check_admission import DraftCheck
from registry.domain.health import Evidence
from registry.domain.names import NamespaceId, RegionName, ServiceId, ServiceKey
from registry.domain.observation import Findings, ObserverId
from registry.domain.observer import ObserverRecord, ObserverReport
from registry.domain.service import HealthPolicy

HEALTHY, SILENT = "healthy validated", "unhealthy timeout"
SERVICES = ("a", "b", "c", "d")
PORTS = {name: 81 + at for at, name in enumerate(SERVICES)}


class Cell:
    """Nodes `a`, which leads, `b` and `c`, each with a prober of its own."""

    def __init__(
        self, store: GatedStore, clock: ManualClock, nodes: Mapping[str, PublicationNode]
    ) -> None:
        self.store = store
        self.clock = clock
        self.nodes = nodes
        self.leader = nodes["a"]
        self.probers: dict[str, ScriptedProber] = {}
        self.running: dict[str, AsyncExitStack] = {}

    async def register(self) -> None:
        """One instance of each service, that needs no heartbeats, seen well by all."""
        for name, port in PORTS.items():
            await self.leader.register(
                f"i-{name}", parent=f"namespaces/shop/services/{name}", port=port, ttl_seconds=300.0
            )
        await self.clock.advance(30.0)
        assert self.standings() == dict.fromkeys(SERVICES, HEALTHY)

    def see(self, node: str, evidence: Evidence, *services: str) -> None:
        """From now on a node finds so, of some services or all."""
        for service in services or SERVICES:
            self.probers[node].answer(("127.0.0.1", PORTS[service]), evidence)

    def standings(self) -> dict[str, str]:
        """Of the one instance of each service, as published."""
        found = {}
        for service in SERVICES:
            key = ServiceKey(NamespaceId("shop"), ServiceId(service))
            found[service] = self.leader.standing(key).get(f"i-{service}", "gone")
        return found

    async def observers(self) -> dict[str, ObserverRecord]:
        """As the store has them."""
        return {each.observer: each for each in await self.store.observers(EU, {})}

    async def quarantined(self) -> dict[str, str]:
        """Those in quarantine, and why."""
        return {name: each.why for name, each in (await self.observers()).items() if each.why}

    async def kill(self, node: str) -> None:
        """A node is gone, without a word."""
        await self.running.pop(node).aclose()


async def _running(
    store: GatedStore, clock: ManualClock, names: tuple[str, ...]
) -> AsyncIterator[Cell]:
    async with AsyncExitStack() as stack:
        probers = {name: ScriptedProber(clock) for name in names}
        nodes = {name: PublicationNode(store, clock, probers[name], name=name) for name in names}
        cell = Cell(store, clock, nodes)
        cell.probers = probers
        for name, node in nodes.items():
            cell.running[name] = await stack.enter_async_context(AsyncExitStack())
            await cell.running[name].enter_async_context(running(node))
            await clock.advance(0.1)
        await cell.register()
        yield cell


@pytest.fixture
async def one(store: GatedStore, clock: ManualClock) -> AsyncIterator[Cell]:
    async for cell in _running(store, clock, ("a",)):
        yield cell


@pytest.fixture
async def two(store: GatedStore, clock: ManualClock) -> AsyncIterator[Cell]:
    async for cell in _running(store, clock, ("a", "b")):
        yield cell


@pytest.fixture
async def three(store: GatedStore, clock: ManualClock) -> AsyncIterator[Cell]:
    async for cell in _running(store, clock, ("a", "b", "c")):
        yield cell


async def test_a_node_that_does_not_lead_probes_too_and_says_what_it_finds(two: Cell) -> None:
    assert {port for _, port in two.probers["b"].tried} == set(PORTS.values())
    two.see("b", Evidence.TIMEOUT, "a")
    await two.clock.advance(20.0)
    told = (await two.observers())["node.b"].findings
    assert told is not None
    assert (told.targets, list(told.failing.values())) == (4, [Evidence.TIMEOUT])
    assert two.standings()["a"] == HEALTHY


async def test_silence_to_one_of_two_takes_nothing_out_and_silence_to_both_does(
    two: Cell,
) -> None:
    two.see("a", Evidence.TIMEOUT, "a")
    await two.clock.advance(120.0)
    assert two.standings() == dict.fromkeys(SERVICES, HEALTHY)
    two.see("b", Evidence.TIMEOUT, "a")
    await two.clock.advance(20.0)
    assert two.standings()["a"] == SILENT
    two.see("a", Evidence.VALIDATED, "a")
    await two.clock.advance(60.0)
    assert two.standings()["a"] == HEALTHY


async def test_an_answer_to_the_leader_is_enough_until_most_others_have_seen_it_well_since(
    three: Cell,
) -> None:
    three.see("a", Evidence.REFUSED, "a")
    await three.clock.advance(8.0)
    assert three.standings()["a"] == "unhealthy refused"
    await three.clock.advance(60.0)
    assert three.standings()["a"] == HEALTHY
    await three.clock.advance(120.0)
    assert three.standings()["a"] == HEALTHY


async def test_a_leader_that_has_lost_its_sight_removes_nothing_and_is_in_quarantine(
    two: Cell,
) -> None:
    """One observer blind: what has truly died goes by the other's word."""
    two.see("a", Evidence.TIMEOUT)
    for _ in range(60):
        await two.clock.advance(2.0)
        assert two.standings() == dict.fromkeys(SERVICES, HEALTHY)
    assert await two.quarantined() == {
        "node.a": "4 of 4 services fail for it at once; others find 4 of them well"
    }
    two.see("b", Evidence.TIMEOUT, "c")
    await two.clock.advance(20.0)
    assert two.standings() == dict.fromkeys(SERVICES, HEALTHY) | {"c": SILENT}
    two.see("a", Evidence.VALIDATED, "a", "b", "d")
    await two.clock.advance(25.0)
    assert await two.quarantined() == {}


async def test_another_that_has_lost_its_sight_is_in_quarantine_and_holds_nothing_up(
    two: Cell,
) -> None:
    two.see("b", Evidence.TIMEOUT)
    await two.clock.advance(40.0)
    assert list(await two.quarantined()) == ["node.b"]
    assert two.standings() == dict.fromkeys(SERVICES, HEALTHY)
    two.see("a", Evidence.TIMEOUT, "a")
    await two.clock.advance(20.0)
    assert two.standings() == dict.fromkeys(SERVICES, HEALTHY) | {"a": SILENT}


async def test_quarantine_outlives_the_leader_who_found_it(two: Cell) -> None:
    """One that is blind and takes over does not begin by believing itself."""
    two.see("b", Evidence.TIMEOUT)
    await two.clock.advance(40.0)
    assert list(await two.quarantined()) == ["node.b"]
    await two.kill("a")
    two.leader = two.nodes["b"]
    for _ in range(30):
        await two.clock.advance(2.0)
        _beat(two.leader)
        assert two.standings() == dict.fromkeys(SERVICES, HEALTHY)
        assert list(await two.quarantined()) == ["node.b"]
    assert two.leader.reconcilers[EU].is_leading


async def test_the_words_of_an_observer_that_died_stop_counting_and_its_row_goes(
    two: Cell,
) -> None:
    two.see("a", Evidence.TIMEOUT, "a")
    await two.clock.advance(60.0)
    assert two.standings()["a"] == HEALTHY
    await two.kill("b")
    await two.clock.advance(20.0)
    assert two.standings()["a"] == SILENT
    await two.clock.advance(60.0)
    assert list(await two.observers()) == ["node.a"]


async def test_three_who_disagree_by_turns_change_an_endpoint_at_most_once_a_window(
    three: Cell,
) -> None:
    """F23: 1:2 and then 2:1, an endpoint that alternates at 1 Hz."""
    flapping, port = ServiceKey(NamespaceId("shop"), ServiceId("flap")), 99
    check = DraftCheck(kind="tcp", interval_seconds=1.0, timeout_seconds=0.5, rise=1, fall=1)
    await three.leader.register(
        "i", parent="namespaces/shop/services/flap", port=port, ttl_seconds=300.0, check=check
    )
    await three.clock.advance(40.0)
    turns: list[float] = []
    before = HEALTHY
    three.probers["b"].answer(("127.0.0.1", port), Evidence.TIMEOUT)
    for second in range(90):
        words = [Evidence.VALIDATED, Evidence.TIMEOUT]
        for node in ("a", "c"):
            three.probers[node].answer(("127.0.0.1", port), words[second % 2])
        await three.clock.advance(1.0)
        _beat(three.leader)
        now = three.leader.standing(flapping)["i"]
        if now != before:
            turns.append(three.clock.monotonic())
            before = now
    assert len(turns) >= 2, "it is 2:1 against it half of the time"
    window_seconds = HealthPolicy().damping_window_seconds
    assert all(later - earlier >= window_seconds - 1e-6 for earlier, later in pairwise(turns))


def _beat(node: PublicationNode) -> None:
    """A heartbeat of everyone came in."""
    leases = {lease.id: lease for lease in node.keeper.table.leases.values()}
    node.keeper.flushing(leases)
    node.keeper.flushed(frozenset())


async def test_an_only_observer_that_hears_those_it_does_not_see_takes_itself_for_blind(
    one: Cell,
) -> None:
    one.see("a", Evidence.TIMEOUT)
    for _ in range(60):
        await one.clock.advance(2.0)
        _beat(one.leader)
        assert one.standings() == dict.fromkeys(SERVICES, HEALTHY)
    assert await one.quarantined() == {
        "node.a": "4 of 4 services fail for it at once; the heartbeats of 4 of them come in"
    }
    one.see("a", Evidence.VALIDATED)
    await one.clock.advance(25.0)
    assert await one.quarantined() == {}


async def test_an_only_observer_believes_a_mass_that_it_neither_sees_nor_hears(
    one: Cell,
) -> None:
    one.see("a", Evidence.TIMEOUT)
    await one.clock.advance(16.0)
    assert set(one.standings().values()) == {SILENT}
    assert await one.quarantined() == {}


async def test_an_only_observer_believes_answers_however_many(one: Cell) -> None:
    one.see("a", Evidence.REFUSED)
    for _ in range(8):
        await one.clock.advance(1.0)
        _beat(one.leader)
    assert set(one.standings().values()) == {"unhealthy refused"}


async def test_one_service_that_hangs_as_a_whole_is_no_mass(one: Cell) -> None:
    one.see("a", Evidence.TIMEOUT, "a")
    for _ in range(10):
        await one.clock.advance(2.0)
        _beat(one.leader)
    assert one.standings() == dict.fromkeys(SERVICES, HEALTHY) | {"a": SILENT}


async def test_a_restarted_observer_counts_only_after_its_first_round(two: Cell) -> None:
    """What it has not tried, it does not vouch for."""
    assert CART not in two.leader.mirror.by_service
    two.see("a", Evidence.TIMEOUT, "a")
    two.see("b", Evidence.TIMEOUT, "a")
    await two.clock.advance(20.0)
    assert two.standings()["a"] == SILENT
    (told,) = [each for name, each in (await two.observers()).items() if name == "node.b"]
    assert told.findings is not None
    await two.kill("b")
    again = PublicationNode(two.store, two.clock, two.probers["b"], name="b")
    async with running(again):
        await two.clock.advance(1.0)
        found = (await two.observers())["node.b"].findings
        assert found is not None
        assert Evidence.NONE in found.failing.values()
        await two.clock.advance(30.0)
        assert two.standings()["a"] == SILENT


def _frontend(findings: Findings) -> ObserverReport:
    return ObserverReport(
        EU, ObserverId("frontend.dns-1"), RegionName("eu"), findings, time_ms=1_000
    )


async def _hold_on(cell: Cell, findings: Findings, seconds: int) -> None:
    """A frontend says the same again and again."""
    for _ in range(seconds):
        await cell.store.observe(_frontend(findings))
        await cell.clock.advance(1.0)


async def test_a_frontend_that_connects_has_a_word_where_the_check_is_a_connection(
    one: Cell,
) -> None:
    """It finds all well, and so silence to the leader alone takes nothing out."""
    fine = Findings(4, {}, round_seconds=5.0, connects_only=True)
    await _hold_on(one, fine, 5)
    one.see("a", Evidence.TIMEOUT, "a")
    await _hold_on(one, fine, 60)
    assert one.standings() == dict.fromkeys(SERVICES, HEALTHY)
    lost = one.leader.mirror.by_service[ServiceKey(NamespaceId("shop"), ServiceId("a"))]
    (instance,) = lost.values()
    silent = {instance.incarnation: Evidence.TIMEOUT}
    await _hold_on(one, Findings(4, silent, round_seconds=5.0, connects_only=True), 5)
    assert one.standings()["a"] == SILENT


async def test_a_frontend_that_connects_does_not_vouch_for_what_a_check_by_http_asks(
    one: Cell,
) -> None:
    """A target that hangs takes connections as well as one that serves."""
    check = DraftCheck(kind="http", interval_seconds=1.0, timeout_seconds=0.5)
    parent = "namespaces/shop/services/web"
    await one.leader.register("i", parent=parent, port=99, ttl_seconds=300.0, check=check)
    fine = Findings(5, {}, round_seconds=5.0, connects_only=True)
    await _hold_on(one, fine, 30)
    one.probers["a"].answer(("127.0.0.1", 99), Evidence.TIMEOUT)
    await _hold_on(one, fine, 20)
    assert one.leader.standing(ServiceKey(NamespaceId("shop"), ServiceId("web"))) == {"i": SILENT}


async def test_frontends_that_nobody_listens_to_leave_no_rows_behind(one: Cell) -> None:
    """Names are made faster than observers are forgotten, by more nodes than one."""
    fine = Findings(4, {}, round_seconds=5.0, connects_only=True)
    for number in range(3 * OBSERVER_LIMIT):
        told = replace(_frontend(fine), observer=ObserverId(f"frontend.dns-{number}"))
        await one.store.observe(replace(told, time_ms=one.clock.unix_ms()))
    await one.clock.advance(FORGET_SECONDS + 10.0)
    assert list(await one.observers()) == ["node.a"]


async def test_what_two_vantage_points_find_refused_leaves_whatever_the_cells_budget_says(
    two: Cell,
) -> None:
    """I8: one vantage point that meets refusals takes no more than the cell's budget out."""
    crowd = ServiceKey(NamespaceId("shop"), ServiceId("crowd"))
    for number in range(30):
        await two.leader.register(
            f"i{number}", parent="namespaces/shop/services/crowd", port=99, ttl_seconds=300.0
        )
    await two.clock.advance(30.0)

    def holds() -> list[str]:
        planned = two.leader.planned(crowd)
        assert planned is not None
        return [
            "" if each.hold is None else each.hold.reason.value
            for each in planned.endpoints
            if each.evidence is Evidence.REFUSED
        ]

    two.probers["a"].answer(("127.0.0.1", 99), Evidence.REFUSED)
    await two.clock.advance(60.0)
    assert sorted(holds()) == [""] * 16 + ["cell_budget"] * 14
    two.probers["b"].answer(("127.0.0.1", 99), Evidence.TIMEOUT)
    await two.clock.advance(60.0)
    assert sorted(holds()) == [""] * 16 + ["cell_budget"] * 14, "silence is another thing"
    two.probers["b"].answer(("127.0.0.1", 99), Evidence.REFUSED)
    await two.clock.advance(9.0)
    assert holds() == [""] * 30


async def test_who_is_alone_asks_seldom_who_else_looks_and_who_is_not_asks_often(
    store: GatedStore, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    real = store.observers

    async def observers(*given: Any) -> Sequence[ObserverRecord]:
        asked.append(1)
        return await real(*given)

    monkeypatch.setattr(store, "observers", observers)
    async for cell in _running(store, clock, ("a",)):
        asked.clear()
        await clock.advance(60.0)
        assert 20 <= len(asked) <= 26
        async with running(PublicationNode(store, clock, ScriptedProber(clock), name="b")):
            await clock.advance(5.0)
            asked.clear()
            await clock.advance(60.0)
            assert 110 <= len(asked) <= 126
        assert cell.standings() == dict.fromkeys(SERVICES, HEALTHY)
