"""What is planned when."""

from __future__ import annotations

from registry.app.worklist import LINK_LIMIT, Worklist
from registry.domain.names import NamespaceId, ServiceId, ServiceKey


def key(number: int) -> ServiceKey:
    return ServiceKey(NamespaceId("shop"), ServiceId(f"s{number}"))


def test_a_change_that_may_alter_an_answer_is_ready_at_once_after_a_rest() -> None:
    work = Worklist()
    work.add(key(1), 100.0, urgent=True, traceparent="")
    assert work.ready_at(0.0, 0.005) <= 100.0
    assert work.ready_at(100.0, 0.005) == 100.005


def test_a_change_that_alters_no_answer_waits_for_one_that_does() -> None:
    work = Worklist()
    work.add(key(1), 100.0, urgent=False, traceparent="")
    work.add(key(2), 100.001, urgent=False, traceparent="")
    assert work.ready_at(0.0, 0.005) == 100.02
    work.add(key(1), 100.002, urgent=True, traceparent="")
    assert work.ready_at(0.0, 0.005) <= 100.0
    assert len(work.take(10).services) == 2
    work.add(key(3), 200.0, urgent=False, traceparent="")
    assert work.ready_at(0.0, 0.005) == 200.02, "urgency is over with its change"


def test_changes_go_before_what_is_only_looked_over() -> None:
    work = Worklist()
    work.look_over([key(1), key(2), key(3)])
    assert work.ready_at(0.0, 0.005) == 0.0
    work.add(key(2), 0.0, urgent=True, traceparent="t")
    first = work.take(10)
    assert (first.services, first.changed, first.traceparents) == ((key(2),), True, ("t",))
    second = work.take(1)
    assert (second.services, second.changed, second.traceparents) == ((key(1),), False, ())
    assert work.take(10).services == (key(3),)
    assert not work


def test_a_service_that_changes_again_and_again_is_planned_once() -> None:
    work = Worklist()
    for now in range(100):
        work.add(key(1), float(now), urgent=False, traceparent=f"t{now}")
    taken = work.take(10)
    assert taken.services == (key(1),)
    assert taken.traceparents == tuple(f"t{number}" for number in range(LINK_LIMIT))


def test_what_did_not_succeed_is_done_again_at_once_under_the_same_traces() -> None:
    work = Worklist()
    work.add(key(1), 0.0, urgent=False, traceparent="t")
    taken = work.take(10)
    work.put_back(taken, 5.0)
    assert work.ready_at(0.0, 0.005) <= 5.0
    assert work.take(10) == taken
