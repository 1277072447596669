"""What lasts is said at once, and then ever more seldom, but never given up."""

from __future__ import annotations

from registry.app.reminder import LONGEST_SECONDS, Reminder


def test_the_pauses_double_up_to_the_longest() -> None:
    reminder = Reminder()
    said = [second for second in range(200) if reminder.is_due(1000.0 + second)]
    assert said == [0, 1, 3, 7, 15, 31, 61, 91, 121, 151, 181]
    assert LONGEST_SECONDS == 30.0


def test_who_asks_seldom_hears_it_each_time() -> None:
    reminder = Reminder()
    assert all(reminder.is_due(100.0 * number) for number in range(10))
