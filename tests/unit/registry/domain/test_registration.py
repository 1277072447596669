"""Every row of the truth tables of registration.py."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from registry.domain.change import InstancePut, InstanceRemoved
from registry.domain.errors import (
    IncarnationSuperseded,
    InstanceNotFound,
    LeaseExpired,
    NoRemoval,
    RegistryError,
    RequestIdReused,
)
from registry.domain.grave import Grave, bury
from registry.domain.health import Evidence, Health
from registry.domain.instance import (
    Check,
    CheckKind,
    Instance,
    Override,
    Port,
    Registration,
    State,
)
from registry.domain.names import (
    CellName,
    Incarnation,
    InstanceId,
    InstanceKey,
    NamespaceId,
    RegionName,
    Revision,
    ServiceId,
    ServiceKey,
)
from registry.domain.operation import (
    DecideRemoval,
    Deregister,
    Done,
    Drain,
    Expire,
    Judge,
    Operation,
    Reap,
    Refused,
    Register,
    Renewed,
)
from registry.domain.place import Place, places_of
from registry.domain.registration import Verdict, decide

KEY = InstanceKey(NamespaceId("shop"), ServiceId("cart"), InstanceId("a"))
SERVICE = ServiceKey(NamespaceId("shop"), ServiceId("cart"))
NOW_MS = 5_000
REVISION = Revision(9)
TCP = Check(CheckKind.TCP, port=80)
NONE = Check(CheckKind.NONE)
REGISTRATION = Registration(
    key=KEY,
    cell=CellName("eu"),
    region=RegionName("eu"),
    zone="",
    addresses=("10.0.0.1",),
    ports=(Port("main", 80),),
    priority=0,
    weight=1,
    metadata={"k": "v"},
    check=TCP,
    ttl_seconds=15.0,
)
UID, NEW_UID, R1, R2 = Incarnation("u1"), Incarnation("u2"), "r-1", "r-2"
CURRENT = Instance(
    registration=REGISTRATION,
    incarnation=UID,
    request_id=R1,
    state=State.ACTIVE,
    health=Health.HEALTHY,
    evidence=Evidence.VALIDATED,
    health_time_ms=100,
    create_time_ms=50,
    state_time_ms=50,
    revision=Revision(3),
    lease_id=7,
)
GRAVE = Grave(KEY, UID, R1, 4_000)


def run(
    operation: Operation,
    current: Instance | None = CURRENT,
    graves: tuple[Grave, ...] = (),
    renewals: int = 4,
) -> Verdict:
    return decide(operation, current, graves, renewals, REVISION, NOW_MS)


def put(verdict: Verdict) -> Instance:
    assert isinstance(verdict.change, InstancePut)
    assert isinstance(verdict.outcome, Done)
    assert verdict.outcome == Done(verdict.change.instance)
    assert verdict.change.revision == verdict.change.instance.revision == REVISION
    return verdict.change.instance


def assert_replayed(verdict: Verdict, instance: Instance | None) -> None:
    assert verdict == Verdict(Done(instance, replayed=True), None, None)


def assert_refused(verdict: Verdict, kind: type[RegistryError]) -> None:
    assert isinstance(verdict.outcome, Refused)
    assert type(verdict.outcome.error) is kind
    assert verdict.change is None
    assert verdict.grave is None


def register(
    registration: Registration = REGISTRATION, request_id: str = R2, uid: Incarnation = NEW_UID
) -> Register:
    return Register(registration, uid, request_id, traceparent="00-trace")


class TestRegister:
    def test_a_first_registration_is_active_and_unknown_until_probed(self) -> None:
        verdict = run(register(), current=None)
        made = put(verdict)
        assert (made.state, made.health, made.evidence) == (
            State.ACTIVE,
            Health.UNKNOWN,
            Evidence.NONE,
        )
        assert (made.incarnation, made.request_id, made.lease_id) == (NEW_UID, R2, REVISION)
        assert made.create_time_ms == made.state_time_ms == made.health_time_ms == NOW_MS
        assert verdict.grave is None
        assert isinstance(verdict.change, InstancePut)
        assert verdict.change.traceparent == "00-trace"

    def test_without_a_check_the_lease_alone_makes_it_healthy(self) -> None:
        made = put(run(register(replace(REGISTRATION, check=NONE)), current=None))
        assert (made.health, made.evidence) == (Health.HEALTHY, Evidence.LEASE_RENEWED)

    def test_the_same_request_again_replays_and_writes_nothing(self) -> None:
        assert_replayed(run(register(request_id=R1)), CURRENT)

    def test_the_same_request_replays_while_draining_too(self) -> None:
        draining = replace(CURRENT, state=State.DRAINING)
        assert_replayed(run(register(request_id=R1), draining), draining)

    def test_the_same_request_after_expiry_needs_a_new_request_id(self) -> None:
        assert_refused(
            run(register(request_id=R1), replace(CURRENT, state=State.EXPIRED)), LeaseExpired
        )

    def test_the_same_request_id_with_other_content_is_refused(self) -> None:
        other = replace(REGISTRATION, weight=2)
        assert_refused(run(register(other, request_id=R1)), RequestIdReused)

    @pytest.mark.parametrize("current", [None, replace(CURRENT, incarnation=NEW_UID)])
    def test_a_delayed_retry_does_not_resurrect_the_dead(self, current: Instance | None) -> None:
        """I37."""
        if current is not None:
            current = replace(current, request_id=R2)
        operation = register(request_id=R1, uid=Incarnation("u3"))
        assert_refused(run(operation, current, (GRAVE,)), IncarnationSuperseded)

    def test_a_grave_of_another_instance_does_not_matter(self) -> None:
        other = KEY._replace(instance=InstanceId("b"))
        put(run(register(request_id=R1), None, (replace(GRAVE, key=other),)))

    def test_without_request_ids_every_call_is_a_new_incarnation(self) -> None:
        current = replace(CURRENT, request_id="")
        grave = replace(GRAVE, request_id="")
        made = put(run(register(request_id=""), current, (grave,)))
        assert made.incarnation == NEW_UID

    def test_the_same_operation_tried_twice_by_the_store_replays(self) -> None:
        current = replace(CURRENT, request_id="")
        assert_replayed(run(register(request_id="", uid=UID), current), current)

    def test_a_new_incarnation_buries_the_one_it_replaces(self) -> None:
        verdict = run(register())
        assert verdict.grave == Grave(KEY, UID, R1, NOW_MS, frozenset(), NOW_MS)
        elsewhere = run(register(replace(REGISTRATION, addresses=("10.0.0.2",))))
        assert elsewhere.grave == bury(CURRENT, NOW_MS)

    def test_a_new_incarnation_of_the_same_endpoint_stays_healthy(self) -> None:
        made = put(run(register(replace(REGISTRATION, weight=5, metadata={}))))
        assert (made.health, made.evidence, made.health_time_ms) == (
            Health.HEALTHY,
            Evidence.VALIDATED,
            100,
        )
        assert made.create_time_ms == NOW_MS

    @pytest.mark.parametrize(
        ("current", "wanted"),
        [
            (replace(CURRENT, health=Health.UNHEALTHY), REGISTRATION),
            (replace(CURRENT, state=State.DRAINING), REGISTRATION),
            (replace(CURRENT, state=State.EXPIRED), REGISTRATION),
            (CURRENT, replace(REGISTRATION, addresses=("10.0.0.2",))),
            (CURRENT, replace(REGISTRATION, ports=(Port("main", 81),))),
            (CURRENT, replace(REGISTRATION, check=replace(TCP, rise=3))),
        ],
    )
    def test_anything_not_validated_as_it_stands_is_unknown(
        self, current: Instance, wanted: Registration
    ) -> None:
        """I27."""
        assert put(run(register(wanted), current)).health is Health.UNKNOWN


class TestDeregister:
    def test_the_own_incarnation_is_removed_and_buried(self) -> None:
        verdict = run(Deregister(KEY, UID, "00-t"))
        assert verdict.outcome == Done(None)
        assert verdict.change == InstanceRemoved(REVISION, KEY, CellName("eu"), "00-t")
        assert verdict.grave == bury(CURRENT, NOW_MS)

    @pytest.mark.parametrize("state", [State.DRAINING, State.EXPIRED])
    def test_it_is_removed_in_any_state(self, state: State) -> None:
        assert run(Deregister(KEY, UID), replace(CURRENT, state=state)).outcome == Done(None)

    def test_again_is_no_error(self) -> None:
        assert_replayed(run(Deregister(KEY, UID), None, (GRAVE,)), None)

    def test_an_older_incarnation_cannot_evict_a_newer(self) -> None:
        """I37."""
        assert_refused(run(Deregister(KEY, NEW_UID), CURRENT, (GRAVE,)), IncarnationSuperseded)

    def test_what_was_never_there_is_not_found(self) -> None:
        assert_refused(run(Deregister(KEY, NEW_UID), None, (GRAVE,)), InstanceNotFound)


class TestDrain:
    def test_an_active_instance_drains(self) -> None:
        made = put(run(Drain(KEY, UID)))
        assert (made.state, made.health, made.evidence) == (
            State.DRAINING,
            Health.DRAINING,
            Evidence.DEREGISTERED,
        )
        assert made.lease_id == 7
        assert made.state_time_ms == made.health_time_ms == NOW_MS

    def test_again_replays(self) -> None:
        draining = replace(CURRENT, state=State.DRAINING)
        assert_replayed(run(Drain(KEY, UID), draining), draining)

    def test_an_expired_one_cannot_be_drained(self) -> None:
        assert_refused(run(Drain(KEY, UID), replace(CURRENT, state=State.EXPIRED)), LeaseExpired)


class TestExpire:
    def test_a_lease_not_renewed_since_ends(self) -> None:
        made = put(run(Expire(KEY, UID, renewals=4)))
        assert (made.state, made.health, made.evidence) == (
            State.EXPIRED,
            Health.UNHEALTHY,
            Evidence.LEASE_EXPIRED,
        )
        assert made.state_time_ms == NOW_MS

    @pytest.mark.parametrize("seen", [3, 5])
    def test_a_lease_renewed_meanwhile_lives(self, seen: int) -> None:
        assert run(Expire(KEY, UID, renewals=seen)) == Verdict(Renewed(4))

    def test_again_replays(self) -> None:
        expired = replace(CURRENT, state=State.EXPIRED)
        assert_replayed(run(Expire(KEY, UID, renewals=0), expired, renewals=0), expired)

    def test_a_draining_instance_may_expire(self) -> None:
        draining = replace(CURRENT, state=State.DRAINING)
        assert put(run(Expire(KEY, UID, 4), draining)).state is State.EXPIRED


class TestReap:
    def test_an_expired_instance_is_removed_and_buried(self) -> None:
        verdict = run(Reap(KEY, UID), replace(CURRENT, state=State.EXPIRED))
        assert verdict.outcome == Done(None)
        assert isinstance(verdict.change, InstanceRemoved)
        assert verdict.grave == Grave(
            KEY, UID, R1, NOW_MS, places_of(CURRENT), CURRENT.state_time_ms
        )

    @pytest.mark.parametrize("state", [State.ACTIVE, State.DRAINING])
    def test_one_that_lives_is_left_alone(self, state: State) -> None:
        living = replace(CURRENT, state=state)
        assert_replayed(run(Reap(KEY, UID), living), living)


class TestDecideRemoval:
    @pytest.mark.parametrize("state", list(State))
    def test_a_decision_is_recorded_and_changes_nothing_else(self, state: State) -> None:
        current = replace(CURRENT, state=state)
        verdict = run(DecideRemoval(KEY, UID, Override.REMOVE), current)
        assert put(verdict) == replace(
            current, override=Override.REMOVE, revision=put(verdict).revision
        )

    @pytest.mark.parametrize("health", list(Health))
    def test_a_removal_is_forbidden_where_there_may_be_one(self, health: Health) -> None:
        """One that is well stays by itself, and an owner that drains has its way."""
        current = replace(CURRENT, health=health)
        verdict = run(DecideRemoval(KEY, UID, Override.KEEP), current)
        if health in (Health.HEALTHY, Health.DRAINING):
            assert_refused(verdict, NoRemoval)
        else:
            assert put(verdict).override is Override.KEEP

    @pytest.mark.parametrize("health", list(Health))
    def test_a_decision_is_taken_back_whatever_the_health(self, health: Health) -> None:
        current = replace(CURRENT, health=health, override=Override.KEEP)
        assert put(run(DecideRemoval(KEY, UID, Override.NONE), current)).override is Override.NONE

    def test_the_same_decision_again_is_no_change(self) -> None:
        kept = replace(CURRENT, override=Override.KEEP)
        assert_replayed(run(DecideRemoval(KEY, UID, Override.KEEP), kept), kept)


class TestJudge:
    @pytest.mark.parametrize(
        ("health", "evidence", "to_health", "to_evidence", "applies"),
        [
            # the same again
            (Health.HEALTHY, Evidence.VALIDATED, Health.HEALTHY, Evidence.VALIDATED, False),
            # a probe's verdict
            (Health.HEALTHY, Evidence.VALIDATED, Health.UNHEALTHY, Evidence.REFUSED, True),
            (Health.UNKNOWN, Evidence.NONE, Health.HEALTHY, Evidence.VALIDATED, True),
            (Health.UNHEALTHY, Evidence.TIMEOUT, Health.UNHEALTHY, Evidence.REFUSED, True),
            # the owner's word
            (Health.HEALTHY, Evidence.VALIDATED, Health.UNHEALTHY, Evidence.WITHDRAWN, True),
            (Health.UNHEALTHY, Evidence.WITHDRAWN, Health.UNKNOWN, Evidence.NONE, True),
            (Health.UNHEALTHY, Evidence.WITHDRAWN, Health.HEALTHY, Evidence.LEASE_RENEWED, True),
            # a probe cannot know better than the owner
            (Health.UNHEALTHY, Evidence.WITHDRAWN, Health.HEALTHY, Evidence.VALIDATED, False),
            (Health.UNHEALTHY, Evidence.WITHDRAWN, Health.UNHEALTHY, Evidence.TIMEOUT, False),
            # nothing to take back
            (Health.HEALTHY, Evidence.VALIDATED, Health.UNKNOWN, Evidence.NONE, False),
        ],
    )
    def test_an_active_instance_is_judged_by_the_table(
        self,
        health: Health,
        evidence: Evidence,
        to_health: Health,
        to_evidence: Evidence,
        applies: bool,
    ) -> None:
        current = replace(CURRENT, health=health, evidence=evidence)
        verdict = run(Judge(KEY, UID, to_health, to_evidence), current)
        if applies:
            made = put(verdict)
            assert (made.health, made.evidence) == (to_health, to_evidence)
            assert made.health_time_ms == (100 if health is to_health else NOW_MS)
            assert made.state_time_ms == 50
        else:
            assert_replayed(verdict, current)

    def test_a_removal_confirmed_when_it_was_well_again_is_about_no_later_illness(self) -> None:
        """The decision crossed the recovery; it grants nothing that the budgets would hold."""
        late = replace(CURRENT, health=Health.HEALTHY, override=Override.REMOVE)
        ill = put(run(Judge(KEY, UID, Health.UNHEALTHY, Evidence.TIMEOUT), late))
        assert ill.override is Override.NONE
        assert put(run(Expire(KEY, UID, 4), late)).override is Override.NONE
        decided = replace(ill, override=Override.REMOVE)
        assert put(run(Expire(KEY, UID, 4), decided)).override is Override.REMOVE
        worse = put(run(Judge(KEY, UID, Health.UNHEALTHY, Evidence.REFUSED), decided))
        assert worse.override is Override.REMOVE

    def test_a_decision_on_a_removal_ends_when_the_instance_is_well(self) -> None:
        ill = replace(
            CURRENT, health=Health.UNHEALTHY, evidence=Evidence.TIMEOUT, override=Override.KEEP
        )
        worse = put(run(Judge(KEY, UID, Health.UNHEALTHY, Evidence.REFUSED), ill))
        assert worse.override is Override.KEEP
        well = put(run(Judge(KEY, UID, Health.HEALTHY, Evidence.VALIDATED), ill))
        assert well.override is Override.NONE

    @pytest.mark.parametrize("state", [State.DRAINING, State.EXPIRED])
    def test_the_health_of_one_that_leaves_is_settled(self, state: State) -> None:
        current = replace(CURRENT, state=state)
        assert_replayed(run(Judge(KEY, UID, Health.HEALTHY, Evidence.REFUSED), current), current)


@pytest.mark.parametrize(
    "operation",
    [
        Drain(KEY, NEW_UID),
        Expire(KEY, NEW_UID, 4),
        Reap(KEY, NEW_UID),
        Judge(KEY, NEW_UID, Health.HEALTHY, Evidence.VALIDATED),
    ],
    ids=lambda operation: type(operation).__name__,
)
class TestMessagesOfAnotherIncarnation:
    def test_are_refused_while_a_newer_one_is_there(self, operation: Operation) -> None:
        assert_refused(run(operation), IncarnationSuperseded)

    def test_find_nothing_when_none_is_there(self, operation: Operation) -> None:
        buried = replace(GRAVE, incarnation=NEW_UID)
        assert_refused(run(operation, None, (buried,)), InstanceNotFound)


@pytest.mark.parametrize(
    ("state", "taken_over", "left", "left_ms"),
    [
        (State.ACTIVE, (), True, NOW_MS),
        (State.DRAINING, (), True, 50),
        (State.EXPIRED, (), True, 50),
        (State.ACTIVE, places_of(CURRENT), False, NOW_MS),
    ],
)
def test_every_row_of_when_the_buried_left_their_places(
    state: State, taken_over: Iterable[Place], left: bool, left_ms: int
) -> None:
    grave = bury(replace(CURRENT, state=state), NOW_MS, frozenset(taken_over))
    assert grave.places == (places_of(CURRENT) if left else set())
    assert (grave.left_ms, grave.removed_ms) == (left_ms, NOW_MS)
