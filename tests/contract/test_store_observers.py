"""Every store keeps observers and their findings in the same way (I14)."""

from __future__ import annotations

import pytest
from store_samples import EAST, EAST_REGION

from registry.domain.errors import LeadershipLost
from registry.domain.health import Evidence
from registry.domain.names import CellName, Epoch, Incarnation
from registry.domain.observation import Findings, ObserverId
from registry.domain.observer import ObserverReport, Quarantine
from registry.domain.operation import Fence
from registry.ports import Store

A, B = ObserverId("node.a"), ObserverId("frontend.b")
FOUND = Findings(
    3,
    {Incarnation("u1"): Evidence.TIMEOUT, Incarnation("u2"): Evidence.NONE},
    round_seconds=7.5,
    connects_only=True,
)
FINE = Findings(3, {})


def report(
    findings: Findings | None, observer: ObserverId = A, time_ms: int = 1000
) -> ObserverReport:
    return ObserverReport(EAST, observer, EAST_REGION, findings, time_ms)


async def test_findings_come_back_as_they_were_told(store: Store) -> None:
    await store.observe(report(FOUND))
    (kept,) = await store.observers(EAST, {})
    assert (kept.observer, kept.region, kept.findings) == (A, EAST_REGION, FOUND)
    assert (kept.seen_ms, kept.quarantine_ms, kept.why) == (1000, 0, "")
    assert await store.observers(CellName("west"), {}) == []


async def test_a_beat_without_news_moves_the_beat_and_leaves_the_findings(store: Store) -> None:
    await store.observe(report(FOUND))
    (first,) = await store.observers(EAST, {})
    await store.observe(report(None, time_ms=2000))
    (second,) = await store.observers(EAST, {A: first.version})
    assert second.beat != first.beat
    assert (second.version, second.findings, second.seen_ms) == (first.version, None, 2000)
    await store.observe(report(FINE))
    (third,) = await store.observers(EAST, {A: first.version})
    assert third.version != first.version
    assert third.findings == FINE


async def test_a_first_beat_without_findings_says_nothing_of_anything(store: Store) -> None:
    await store.observe(report(None))
    (kept,) = await store.observers(EAST, {})
    assert kept.findings == Findings(0, {}, complete=False)


async def test_a_leader_keeps_whom_it_believes_and_forgets_who_is_gone(store: Store) -> None:
    await store.observe(report(FINE))
    await store.observe(report(FOUND, B))
    leadership = await store.lead(EAST, EAST_REGION, "n1", 30.0)
    assert leadership is not None
    fence = Fence(EAST, leadership.epoch)
    stranger = ObserverId("node.stranger")
    quarantines = {A: Quarantine(5, "blind"), stranger: Quarantine(6, "who")}
    await store.judge_observers(fence, quarantines, [B])
    (kept,) = await store.observers(EAST, {})
    assert (kept.observer, kept.quarantine_ms, kept.why) == (A, 5, "blind")
    assert await store.observe(report(FOUND)) == Quarantine(5, "blind"), "it is told"
    (kept,) = await store.observers(EAST, {})
    assert kept.quarantine_ms == 5, "its own word frees nobody"
    await store.judge_observers(fence, {A: Quarantine()}, [])
    (kept,) = await store.observers(EAST, {})
    assert (kept.quarantine_ms, kept.why) == (0, "")
    assert await store.observe(report(None)) == Quarantine(), "with a beat alone, too"
    assert await store.observe(report(FOUND, B)) == Quarantine(), "who was forgotten begins anew"


async def test_one_that_was_forgotten_and_comes_back_is_not_taken_for_what_it_was(
    store: Store,
) -> None:
    await store.observe(report(FOUND))
    (first,) = await store.observers(EAST, {})
    leadership = await store.lead(EAST, EAST_REGION, "n1", 30.0)
    assert leadership is not None
    await store.judge_observers(Fence(EAST, leadership.epoch), {}, [A])
    await store.observe(report(FINE, time_ms=9000))
    (again,) = await store.observers(EAST, {A: first.version})
    assert again.findings == FINE


async def test_a_deposed_leader_judges_nobody(store: Store) -> None:
    await store.observe(report(FINE))
    leadership = await store.lead(EAST, EAST_REGION, "n1", 30.0)
    assert leadership is not None
    with pytest.raises(LeadershipLost):
        await store.judge_observers(
            Fence(EAST, Epoch(leadership.epoch - 1)), {A: Quarantine(5, "x")}, [A]
        )
    (kept,) = await store.observers(EAST, {})
    assert kept.quarantine_ms == 0
