"""Budgets and floors of removals: every row of the tables (I8)."""

from __future__ import annotations

from math import inf

import pytest

from registry.domain.health import Evidence
from registry.domain.names import Incarnation, InstanceId, InstanceKey, NamespaceId, ServiceId
from registry.domain.velocity import Grade, Reason, Ruling, Velocity, VelocityLimits, grade_of

DAY = 86_400.0


def key(number: int = 0, service: str = "cart") -> InstanceKey:
    return InstanceKey(NamespaceId("shop"), ServiceId(service), InstanceId(f"i{number}"))


UID = Incarnation("uid")


@pytest.mark.parametrize(
    ("evidence", "before", "alone", "agreed"),
    [
        (Evidence.DEREGISTERED, Evidence.VALIDATED, Grade.EXPLICIT, Grade.EXPLICIT),
        (Evidence.WITHDRAWN, Evidence.TIMEOUT, Grade.EXPLICIT, Grade.EXPLICIT),
        (Evidence.REFUSED, Evidence.VALIDATED, Grade.STRONG, Grade.AGREED),
        (Evidence.NOT_SERVING, Evidence.VALIDATED, Grade.STRONG, Grade.AGREED),
        (Evidence.WRONG_IDENTITY, Evidence.TIMEOUT, Grade.STRONG, Grade.AGREED),
        (Evidence.LEASE_EXPIRED, Evidence.TIMEOUT, Grade.STRONG, Grade.AGREED),
        (Evidence.TIMEOUT, Evidence.LEASE_EXPIRED, Grade.STRONG, Grade.AGREED),
        (Evidence.LEASE_EXPIRED, Evidence.VALIDATED, Grade.WEAK, Grade.WEAK),
        (Evidence.LEASE_EXPIRED, Evidence.LEASE_EXPIRED, Grade.WEAK, Grade.WEAK),
        (Evidence.TIMEOUT, Evidence.TIMEOUT, Grade.WEAK, Grade.WEAK),
        (Evidence.TIMEOUT, Evidence.VALIDATED, Grade.WEAK, Grade.WEAK),
        (Evidence.NONE, Evidence.VALIDATED, Grade.WEAK, Grade.WEAK),
    ],
)
def test_every_row_of_the_grades(
    evidence: Evidence, before: Evidence, alone: Grade, agreed: Grade
) -> None:
    assert grade_of(evidence, before, agreed=False) is alone
    assert grade_of(evidence, before, agreed=True) is agreed


class Cell:
    """A name `cart` in a cell, with other names around it."""

    def __init__(self, size: int, others: int = 0, **limits: float) -> None:
        self.velocity = Velocity(VelocityLimits(**limits))  # type: ignore[arg-type]  # by their names
        self.velocity.note(key().service_key, size, 0.0)
        self.next = 0
        if others:
            self.velocity.note(key(0, "other").service_key, others, 0.0)

    def ask(self, grade: Grade, now: float, minimum: int = 1) -> Ruling:
        self.next += 1
        return self.velocity.ask(key(self.next), UID, grade, minimum, now)

    def taken(self, grade: Grade, tries: int, now: float) -> int:
        return sum(self.ask(grade, now).granted for _ in range(tries))


def test_what_is_explicit_is_granted_whatever_else_holds() -> None:
    cell = Cell(3, cell_least=0)
    assert cell.taken(Grade.EXPLICIT, 100, 1.0) == 100


@pytest.mark.parametrize(("size", "granted"), [(2, 1), (19, 1), (20, 2), (100, 10), (105, 10)])
def test_a_name_loses_a_tenth_on_silence_in_half_a_minute_and_one_at_least(
    size: int, granted: int
) -> None:
    cell = Cell(size)
    assert cell.taken(Grade.WEAK, size, 10.0) == granted
    assert cell.ask(Grade.WEAK, 39.9) == Ruling(Reason.NAME_BUDGET, 40.0)
    if size > 2:
        assert cell.ask(Grade.WEAK, 40.0).granted


def test_the_window_slides() -> None:
    cell = Cell(40, name_share=0.1)
    for now in (0.0, 10.0, 20.0, 29.0):
        assert cell.ask(Grade.WEAK, now).granted
    assert cell.ask(Grade.WEAK, 29.5) == Ruling(Reason.NAME_BUDGET, 30.0)
    assert cell.ask(Grade.WEAK, 30.0).granted
    assert cell.ask(Grade.WEAK, 39.0) == Ruling(Reason.NAME_BUDGET, 40.0)


def test_strong_evidence_does_not_mind_the_budget_of_the_name_but_uses_it() -> None:
    cell = Cell(30)
    assert cell.taken(Grade.STRONG, 10, 0.0) == 10
    assert cell.ask(Grade.WEAK, 1.0).reason is Reason.NAME_BUDGET


@pytest.mark.parametrize("grade", [Grade.STRONG, Grade.WEAK])
def test_a_cell_loses_a_fifth_in_five_minutes_and_sixteen_at_least(grade: Grade) -> None:
    for size, granted in ((40, 16), (80, 16), (200, 40)):
        cell = Cell(size, name_share=1.0)
        assert cell.taken(grade, size, 7.0) == granted
        assert cell.ask(grade, 306.9) == Ruling(Reason.CELL_BUDGET, 307.0)
        assert cell.ask(grade, 307.0).granted


def test_what_a_second_vantage_point_agrees_on_minds_no_budget_but_uses_them() -> None:
    cell = Cell(30, cell_share=0.0, cell_least=5)
    assert cell.taken(Grade.AGREED, 20, 0.0) == 20
    assert cell.ask(Grade.STRONG, 1.0) == Ruling(Reason.CELL_BUDGET, 300.0)
    assert cell.ask(Grade.WEAK, 1.0).reason is Reason.NAME_BUDGET
    assert cell.ask(Grade.AGREED, 1.0).granted


def test_silence_never_takes_a_name_below_half_of_its_days_peak() -> None:
    cell = Cell(11, others=1000)
    granted = sum(cell.ask(Grade.WEAK, 60.0 * minute).granted for minute in range(600))
    assert granted == 5, "6 of 11 stay: more than half"
    assert cell.ask(Grade.WEAK, 40_000.0) == Ruling(Reason.NAME_FLOOR, inf)
    assert cell.ask(Grade.STRONG, 40_000.0).granted


def test_the_peak_is_forgotten_a_day_after_the_fall_from_it() -> None:
    cell = Cell(10, others=1000)
    cart = key().service_key
    cell.velocity.note(cart, 10, 5 * DAY)
    cell.velocity.note(cart, 4, 5 * DAY + 60.0)
    assert cell.ask(Grade.WEAK, 6 * DAY).reason is Reason.NAME_FLOOR
    assert cell.ask(Grade.WEAK, 6 * DAY + 60.0).granted, "the peak is 4 now, the floor 2"


def test_a_level_that_rises_again_lifts_the_floor() -> None:
    cell = Cell(4, others=1000)
    cell.velocity.note(key().service_key, 12, 10.0)
    cell.velocity.note(key().service_key, 7, 20.0)
    assert cell.ask(Grade.WEAK, 30.0).granted
    assert cell.ask(Grade.WEAK, 90.0).reason is Reason.NAME_FLOOR


def test_silence_never_takes_a_name_below_its_configured_minimum() -> None:
    cell = Cell(10, others=1000)
    assert cell.ask(Grade.WEAK, 0.0, minimum=10).reason is Reason.NAME_FLOOR
    assert cell.ask(Grade.WEAK, 0.0, minimum=9).granted
    assert cell.ask(Grade.STRONG, 0.0, minimum=10).granted


def test_the_last_one_of_a_name_is_not_lost_by_silence() -> None:
    assert Cell(1, others=50).ask(Grade.WEAK, 0.0).reason is Reason.NAME_FLOOR


def test_silence_never_takes_a_cell_below_half_of_its_days_peak() -> None:
    velocity = Velocity(VelocityLimits(cell_least=1000))
    velocity.note(key(0, "a").service_key, 100, 0.0)
    velocity.note(key(0, "b").service_key, 101, 0.0)
    for number in range(100):
        assert velocity.ask(key(number, "a"), UID, Grade.STRONG, 0, 1.0).granted
    assert velocity.ask(key(1, "b"), UID, Grade.WEAK, 0, 2.0) == Ruling(Reason.CELL_FLOOR, inf)
    velocity.note(key(0, "a").service_key, 1, 3.0)
    assert velocity.ask(key(1, "b"), UID, Grade.WEAK, 0, 4.0).granted


def test_a_budget_of_nothing_grants_nothing() -> None:
    nothing = {"name_share": 0.0, "name_least": 0, "cell_share": 0.0, "cell_least": 0}
    assert Cell(9, **nothing).ask(Grade.WEAK, 0.0) == Ruling(Reason.NAME_BUDGET, inf)
    assert Cell(9, **nothing).ask(Grade.STRONG, 0.0) == Ruling(Reason.CELL_BUDGET, inf)


def test_what_was_granted_is_not_charged_again_until_it_was_well() -> None:
    cell = Cell(10, others=100)
    for _ in range(5):
        assert cell.velocity.ask(key(1), UID, Grade.WEAK, 1, 1.0).granted
    assert not cell.velocity.ask(key(2), UID, Grade.WEAK, 1, 1.0).granted
    cell.velocity.well(key(1), UID)
    assert not cell.velocity.ask(key(1), UID, Grade.WEAK, 1, 2.0).granted


def test_a_deleted_name_is_no_fall_of_the_cell() -> None:
    velocity = Velocity(VelocityLimits(floor_share=1.0, cell_least=100))
    velocity.note(key(0, "a").service_key, 50, 0.0)
    velocity.note(key(0, "b").service_key, 10, 0.0)
    velocity.forget(key(0, "b").service_key, 1.0)
    velocity.forget(key(0, "never").service_key, 1.0)
    assert velocity.ask(key(0, "a"), UID, Grade.STRONG, 0, 2.0).granted
    assert "49 in answers" in repr(velocity)
    velocity.note(key(0, "empty").service_key, 0, 3.0)
    assert "49 in answers" in repr(velocity)


def test_what_was_granted_stays_so_whoever_is_asked_about_next() -> None:
    cell = Cell(10, others=100)
    assert not cell.velocity.has_granted
    for number in (1, 2, 1, 2):
        assert cell.velocity.ask(key(number), UID, Grade.STRONG, 1, 1.0) == Ruling(None, 0.0)
    assert cell.velocity.has_granted
    assert "2 taken out" in repr(cell.velocity)


def test_where_there_is_no_floor_the_last_one_of_a_cell_may_go() -> None:
    velocity = Velocity(VelocityLimits(floor_share=0.0))
    velocity.note(key().service_key, 1, 0.0)
    assert velocity.ask(key(1), UID, Grade.WEAK, 0, 1.0).granted


def test_a_name_is_remembered_while_its_peak_is() -> None:
    velocity, cart = Velocity(), key().service_key
    velocity.note(cart, 10, 0.0)
    velocity.note(cart, 0, 1.0)
    assert velocity.names == {cart}
    velocity.note(cart, 0, 2 * DAY)
    velocity.note(cart, 0, 4 * DAY)
    assert velocity.names == set()


def test_a_removal_is_recorded_for_as_long_as_the_window_of_its_name_or_cell() -> None:
    velocity, cart = Velocity(), key().service_key
    velocity.note(cart, 10, 0.0)
    assert velocity.ask(key(1), UID, Grade.STRONG, 1, 10.0).granted
    velocity.note(cart, 10, 11.0)
    assert velocity.records(39.0, NOW_MS).keys() == {cart, None}
    assert velocity.records(40.0, NOW_MS).keys() == {None}
    assert velocity.records(310.0, NOW_MS) == {}


def test_a_grant_is_remembered_for_a_day_and_no_longer() -> None:
    velocity = Velocity()
    for half_days in range(10):
        velocity.note(key().service_key, 100, half_days * DAY / 2)
        velocity.ask(key(half_days), UID, Grade.STRONG, 0, half_days * DAY / 2)
    assert [each.instance for each, _ in velocity._granted] == ["i7", "i8", "i9"]


def test_grants_are_forgotten_after_a_day() -> None:
    velocity = Velocity()
    for number in range(1000):
        velocity.note(key().service_key, 100, number * 1000.0)
        assert velocity.ask(key(number), UID, Grade.STRONG, 0, number * 1000.0).granted
    assert len(velocity._granted) <= 88


def test_to_note_a_level_again_is_no_change_of_the_cells() -> None:
    velocity = Velocity()
    for level in (10, 10, 4, 12):
        velocity.note(key().service_key, level, 0.0)
        velocity.note(key(0, "other").service_key, 3, 0.0)
        assert f"{level + 3} in answers" in repr(velocity)


NOW_MS = 1_760_000_000_000


def handed_over(old: Velocity, now: float, later_seconds: float = 5.0) -> Velocity:
    """A new leader's budgets, after what the old one wrote; its clock begins at 0."""
    tracks = {name: kept for name, kept in old.records(now, NOW_MS).items() if kept is not None}
    new = Velocity(old._limits)
    new.restore(tracks, 0.0, NOW_MS + round(later_seconds * 1000))
    return new


def test_a_new_leader_has_what_is_left_of_the_budgets_and_no_more() -> None:
    cell = Cell(20, others=100)
    assert cell.taken(Grade.WEAK, 20, 10.0) == 2
    new = handed_over(cell.velocity, 20.0)
    new.note(key().service_key, 18, 0.0)
    new.note(key(0, "other").service_key, 100, 0.0)
    assert new.ask(key(50), UID, Grade.WEAK, 1, 0.0) == Ruling(Reason.NAME_BUDGET, 20.0)
    assert new.ask(key(50), UID, Grade.WEAK, 1, 20.0).granted


def test_a_new_leader_knows_the_days_peak_of_a_name_and_of_the_cell() -> None:
    cell = Cell(10, others=10, name_least=50, cell_least=50)
    assert cell.taken(Grade.WEAK, 10, 10.0) == 5
    new = handed_over(cell.velocity, 700.0)
    new.note(key().service_key, 5, 0.0)
    new.note(key(0, "other").service_key, 10, 0.0)
    assert new.ask(key(50), UID, Grade.WEAK, 1, 1.0).reason is Reason.NAME_FLOOR
    for number in range(5):
        assert new.ask(key(number, "other"), UID, Grade.WEAK, 1, 1.0).granted
    new.note(key(0, "third").service_key, 4, 2.0)
    for number in range(4):
        assert new.ask(key(60 + number), UID, Grade.STRONG, 1, 3.0).granted
    assert new.ask(key(9, "third"), UID, Grade.WEAK, 1, 4.0).reason is Reason.CELL_FLOOR


def test_only_what_changed_is_written_and_only_once() -> None:
    velocity = Velocity()
    a, b = key(0, "a").service_key, key(0, "b").service_key
    velocity.note(a, 10, 0.0)
    velocity.note(b, 10, 0.0)
    assert velocity.records(0.0, NOW_MS) == {}, "the answers show it"
    velocity.note(a, 9, 1.0)
    written = velocity.records(1.0, NOW_MS)
    assert written.keys() == {a, None}
    assert velocity.records(1.0, NOW_MS) == written, "until it is known to be written"
    velocity.kept(written)
    assert velocity.records(1.0, NOW_MS) == {}
    velocity.note(a, 9, 2.0)
    assert velocity.records(2.0, NOW_MS) == {}, "nothing changed"
    velocity.note(a, 12, 3.0)
    assert velocity.records(3.0, NOW_MS) == {a: None, None: None}, "nothing more to remember"


def test_the_record_of_a_deleted_name_goes_with_it() -> None:
    velocity = Velocity()
    a = key(0, "a").service_key
    velocity.note(a, 10, 0.0)
    velocity.note(a, 4, 1.0)
    velocity.kept(velocity.records(1.0, NOW_MS))
    velocity.forget(a, 2.0)
    records = velocity.records(2.0, NOW_MS)
    assert records[a] is None
    velocity.kept(records)
    assert velocity.records(2.0, NOW_MS) == {}


def test_records_that_say_nothing_any_more_are_dropped_by_the_next_leader() -> None:
    velocity = Velocity()
    a = key(0, "a").service_key
    velocity.note(a, 10, 0.0)
    velocity.note(a, 4, 1.0)
    new = handed_over(velocity, 1.0, later_seconds=2 * DAY)
    new.note(a, 4, 0.0)
    assert new.records(0.0, NOW_MS) == {a: None, None: None}
