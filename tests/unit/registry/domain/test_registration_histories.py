"""Random histories of one instance, with retries and late messages, judged by a tiny model."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from registry.domain.change import InstancePut, InstanceRemoved
from registry.domain.grave import Grave
from registry.domain.health import Evidence, Health
from registry.domain.instance import Check, CheckKind, Instance, Registration, State
from registry.domain.names import (
    CellName,
    Incarnation,
    InstanceId,
    InstanceKey,
    NamespaceId,
    RegionName,
    Revision,
    ServiceId,
)
from registry.domain.operation import (
    Deregister,
    Done,
    Drain,
    Expire,
    Judge,
    Operation,
    Outcome,
    Reap,
    Refused,
    Register,
    Renewed,
)
from registry.domain.registration import decide

KEY = InstanceKey(NamespaceId("n"), ServiceId("s"), InstanceId("i"))
BASE = Registration(
    key=KEY,
    cell=CellName("eu"),
    region=RegionName("eu"),
    zone="",
    addresses=("10.0.0.1",),
    ports=(),
    priority=0,
    weight=1,
    metadata={},
    check=Check(CheckKind.TCP, 80),
    ttl_seconds=15.0,
)
REQUESTS = ["", "a", "b", "c"]


class Histories(RuleBasedStateMachine):
    """One key's row, graves and lease count, as a store would keep them."""

    @initialize()
    def begin(self) -> None:
        self.row: Instance | None = None
        self.graves: list[Grave] = []
        self.renewals = 0
        self.revision = 0
        self.said: list[Operation] = []
        self.made: list[Incarnation] = []
        self.by_request: dict[str, Incarnation] = {}
        self.ended: set[Incarnation] = set()

    def apply(self, operation: Operation) -> Outcome:
        before = self.row
        verdict = decide(
            operation, before, self.graves, self.renewals, Revision(self.revision + 1), 1
        )
        match verdict.change:
            case None:
                assert verdict.grave is None
            case InstancePut():
                self.revision += 1
                self.row = verdict.change.instance
                if before is None or before.incarnation != self.row.incarnation:
                    self.renewals = 0
                    self.made.append(self.row.incarnation)
            case InstanceRemoved():
                self.revision += 1
                self.row = None
        if verdict.grave is not None:
            self.graves.append(verdict.grave)
        self.judge(operation, before, verdict.outcome)
        return verdict.outcome

    def judge(self, operation: Operation, before: Instance | None, outcome: Outcome) -> None:
        """What must hold of any step, said without knowing how it was decided."""
        after = self.row
        if before is not None and (after is None or after.incarnation != before.incarnation):
            self.ended.add(before.incarnation)
            if after is not None:
                assert isinstance(operation, Register), "only a registration replaces"
            elif isinstance(operation, Reap):
                assert before.state is State.EXPIRED, "the living are not reaped"
            else:
                assert isinstance(operation, Deregister), "else only the owner removes"
            if not isinstance(operation, Register):
                assert operation.incarnation == before.incarnation, "old has no say over new"
        if isinstance(outcome, Refused | Renewed):
            assert after == before, "what is refused changes nothing"
        if isinstance(operation, Register) and isinstance(outcome, Done):
            assert outcome.instance is not None
            assert outcome.instance == after, "acknowledged means there"
            assert outcome.instance.registration == operation.registration
            if operation.request_id:
                known = self.by_request.setdefault(
                    operation.request_id, outcome.instance.incarnation
                )
                assert known == outcome.instance.incarnation, "one request, one incarnation"
        if isinstance(operation, Expire) and isinstance(outcome, Done) and not outcome.replayed:
            assert operation.renewals == self.renewals, "a renewed lease does not expire"

    @rule(request=st.sampled_from(REQUESTS), weight=st.integers(1, 2), bare=st.booleans())
    def register(self, request: str, weight: int, bare: bool) -> None:
        registration = replace(BASE, weight=weight)
        if bare:
            registration = replace(registration, check=Check(CheckKind.NONE))
        uid = Incarnation(f"u{len(self.said)}")
        operation = Register(registration, uid, request)
        self.said.append(operation)
        self.apply(operation)

    @rule(data=st.data(), kind=st.sampled_from(["deregister", "drain", "expire", "reap", "judge"]))
    def say(self, data: st.DataObject, kind: str) -> None:
        uid = data.draw(st.sampled_from([Incarnation("stranger"), *self.made]))
        operation: Operation
        match kind:
            case "deregister":
                operation = Deregister(KEY, uid)
            case "drain":
                operation = Drain(KEY, uid)
            case "expire":
                operation = Expire(KEY, uid, self.renewals - data.draw(st.integers(0, 1)))
            case "reap":
                operation = Reap(KEY, uid)
            case _:
                health = data.draw(st.sampled_from([Health.HEALTHY, Health.UNHEALTHY]))
                evidence = data.draw(st.sampled_from([Evidence.VALIDATED, Evidence.WITHDRAWN]))
                operation = Judge(KEY, uid, health, evidence)
        self.said.append(operation)
        self.apply(operation)

    @rule()
    def renew(self) -> None:
        if self.row is not None and self.row.state is not State.EXPIRED:
            self.renewals += 1

    @rule(data=st.data(), anew=st.booleans())
    def an_old_message_arrives_again(self, data: st.DataObject, anew: bool) -> None:
        """From the network (the registry then gives another uid), or by a retry of the store."""
        if not self.said:
            return
        operation = data.draw(st.sampled_from(self.said))
        if isinstance(operation, Register) and anew:
            operation = replace(operation, incarnation=Incarnation(f"u{len(self.said)}"))
            self.said.append(operation)
        self.apply(operation)

    @rule()
    def the_last_message_arrives_twice(self) -> None:
        """Once carried out, a repetition changes nothing and is answered the same."""
        if not self.said:
            return
        first = self.apply(self.said[-1])
        row, revision = self.row, self.revision
        second = self.apply(self.said[-1])
        assert (self.row, self.revision) == (row, revision)
        if not isinstance(self.said[-1], Reap):
            assert isinstance(first, Refused) == isinstance(second, Refused)

    @invariant()
    def the_dead_stay_dead(self) -> None:
        """I37."""
        if getattr(self, "row", None) is not None:
            assert self.row is not None
            assert self.row.incarnation not in self.ended

    @invariant()
    def health_agrees_with_state(self) -> None:
        row = getattr(self, "row", None)
        if row is None:
            return
        wanted = {State.DRAINING: Health.DRAINING, State.EXPIRED: Health.UNHEALTHY}
        assert row.health is wanted.get(row.state, row.health)


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
