"""What an acknowledged renewal promises, held by the clock and the table of leases together."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from registry.domain.availability import Availability, StoreBack, StoreLost, Ticked, ceiling, step
from registry.domain.leases import Lease, LeaseTable
from registry.domain.names import (
    CellName,
    Incarnation,
    InstanceId,
    InstanceKey,
    NamespaceId,
    ServiceId,
)

EU = CellName("eu")


def lease(number: int, deadline: float, ttl: float) -> Lease:
    key = InstanceKey(NamespaceId("n"), ServiceId("s"), InstanceId(f"i{number}"))
    return Lease(Incarnation(f"u{number}"), key, EU, number, ttl, deadline, 0)


@dataclass
class Promise:
    """When a renewal was acknowledged, and how much time has counted since."""

    ttl: float
    counted: float = 0.0
    unbroken: float = field(default=0.0)
    """Seconds of availability in a row since the last outage or the acknowledgement."""


class AcknowledgedRenewals(RuleBasedStateMachine):
    """An acknowledged renewal never leads to an expiry before one TTL of availability (I23).

    The model counts real seconds in which the node ran and had its store, by itself.
    """

    @initialize(tick=st.sampled_from([0.05, 0.1, 0.5]), seed=st.integers(0, 9))
    def begin(self, tick: float, seed: int) -> None:
        self.at = 1000.0
        self.tick_seconds = tick
        self.state = step(Availability(tick), Ticked(self.at))
        self.table = LeaseTable(seed)
        self.promises: dict[Incarnation, Promise] = {}
        self.number = 0

    def pass_time(self, seconds: float, *, counts: bool) -> None:
        self.at += seconds
        for promise in self.promises.values():
            if counts:
                promise.unbroken += seconds
            else:
                promise.unbroken = 0.0

    @rule(ttl=st.sampled_from([1.0, 15.0, 300.0]))
    def register(self, ttl: float) -> None:
        self.number += 1
        made = lease(self.number, ceiling(self.state, self.at) + ttl, ttl)
        self.table.add(made)
        self.promises[made.uid] = Promise(ttl)

    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        if self.promises and self.state.reachable:
            uid = data.draw(st.sampled_from(sorted(self.promises)))
            self.table.renew(uid, ceiling(self.state, self.at))
            self.promises[uid] = Promise(self.promises[uid].ttl)

    @rule(ticks=st.integers(1, 60), late=st.floats(0.0, 0.99))
    def run_for_a_while(self, ticks: int, late: float) -> None:
        for _ in range(ticks):
            self.pass_time(self.tick_seconds + late, counts=self.state.reachable)
            self.state = step(self.state, Ticked(self.at))

    @rule(seconds=st.floats(2.0, 10_000.0))
    def sleep(self, seconds: float) -> None:
        self.pass_time(seconds, counts=False)
        self.state = step(self.state, Ticked(self.at))

    @rule(seconds=st.floats(0.0, 100.0))
    def lose_the_store(self, seconds: float) -> None:
        self.state = step(self.state, StoreLost(self.at))
        self.pass_time(seconds, counts=False)
        self.state = step(self.state, Ticked(self.at))

    @rule()
    def store_comes_back(self) -> None:
        self.state = step(self.state, StoreBack(self.at))

    @invariant()
    def what_is_due_had_its_ttl_in_one_piece(self) -> None:
        if not hasattr(self, "state") or not self.state.reachable:
            return
        self.table.raise_floor(self.state.floor_seconds)
        for ended in self.table.due(EU, self.state.available_seconds, 1000):
            promise = self.promises.pop(ended.uid)
            assert promise.unbroken >= promise.ttl - 1e-6
            self.table.remove(ended.uid)


TestAcknowledgedRenewals = AcknowledgedRenewals.TestCase
TestAcknowledgedRenewals.settings = settings(
    max_examples=200, stateful_step_count=40, deadline=None
)
