"""What is remembered of one name, or of a cell, about what left its answers (I8).

Two things: when removals were granted, and how high the level stood in the last day. Both
are kept in grains, so that memory is bounded whatever happens: removals by the second,
peaks by the quarter of an hour. A grain's time is that of its latest, so what is not
certain counts for longer, never for less.

It outlives its leader as a `TrackRecord`, which is written with a publication. Monotonic
clocks differ from one process to the next, so a record holds ages, and the time between
two leaders is told by wall clocks; see `elapsed_seconds`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

REMOVAL_GRAIN_SECONDS = 1.0
PEAK_GRAIN_SECONDS = 900.0
CLOCK_DOUBT_SECONDS = 3600.0
"""By so much two wall clocks, or one and the same after a restart, may differ (I36)."""


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """A track as it was when it was written; ages in milliseconds, oldest first."""

    write_time_ms: int
    """Unix milliseconds by the writer's clock."""
    removals: tuple[tuple[int, int], ...] = ()
    """Ages, and how many were granted then."""
    peaks: tuple[tuple[int, int], ...] = ()
    """Ages, and levels, which fall."""


# elapsed_seconds
#
#   by wall clocks between writing and reading  time that surely passed
#   ------------------------------------------  ------------------------
#   less than nothing                           none
#   up to an hour                               none: a clock may be wrong by that
#   more                                        an hour less
#
# So budgets are used up for a little longer after a change of leader, and never refilled by
# a clock that was set (I36).
def elapsed_seconds(record: TrackRecord, unix_ms: int) -> float:
    """How much older than written the times of a record are at least."""
    return max(0.0, (unix_ms - record.write_time_ms) / 1000 - CLOCK_DOUBT_SECONDS)


@dataclass(slots=True)
class Track:
    """What is remembered of one name, or of the cell. Times are monotonic seconds."""

    level: int = 0
    removals: deque[tuple[float, int]] = field(default_factory=deque)
    """When so many were granted; older ones first."""
    peaks: deque[tuple[float, int]] = field(default_factory=deque)
    """Times and levels, levels falling: the first that is young enough is the peak."""

    def note(self, level: int, now: float, peak_seconds: float) -> None:
        """So many are in the answers now."""
        peaks = self.peaks
        if peaks and peaks[-1][1] == self.level:
            # It stood at that level until now, and a day's memory of it begins now.
            peaks[-1] = now, self.level
        self.level = level
        while peaks and peaks[-1][1] <= level:
            peaks.pop()
        if len(peaks) > 1 and _grain(peaks[-1][0]) == _grain(peaks[-2][0]):
            (time, _), (_, higher) = peaks.pop(), peaks.pop()
            peaks.append((time, higher))
        peaks.append((now, level))
        self.peak(now, peak_seconds)

    def peak(self, now: float, peak_seconds: float) -> int:
        """The highest level within the time given."""
        while len(self.peaks) > 1 and self.peaks[0][0] <= now - peak_seconds:
            self.peaks.popleft()
        return self.peaks[0][1] if self.peaks else 0

    def charge(self, now: float, peak_seconds: float) -> None:
        """One more was granted, and the level is one less."""
        count = 1
        if self.removals and self.removals[-1][0] // REMOVAL_GRAIN_SECONDS == (
            now // REMOVAL_GRAIN_SECONDS
        ):
            count += self.removals.pop()[1]
        self.removals.append((now, count))
        self.note(self.level - 1, now, peak_seconds)

    def used(self, now: float, window_seconds: float) -> int:
        """Removals granted within the window, which is this track's only one."""
        while self.removals and self.removals[0][0] <= now - window_seconds:
            self.removals.popleft()
        return sum(count for _, count in self.removals)

    def room_at(self, budget: int, window_seconds: float) -> float:
        """When fewer than `budget`, which is above 0, will have been granted within the window."""
        left = sum(count for _, count in self.removals)
        for time, count in self.removals:
            left -= count
            if left < budget:
                return time + window_seconds
        return float("-inf")

    def record(
        self, now: float, unix_ms: int, *, window_seconds: float, peak_seconds: float
    ) -> TrackRecord | None:
        """What a new leader could not see in the answers themselves; None: nothing."""
        self.used(now, window_seconds)
        if not self.removals and self.peak(now, peak_seconds) <= self.level:
            return None
        return TrackRecord(unix_ms, _ages(self.removals, now), _ages(self.peaks, now))


def restored(record: TrackRecord, now: float, unix_ms: int) -> Track:
    """A track from what the last leader wrote; its level is to be noted."""
    elapsed = elapsed_seconds(record, unix_ms)
    return Track(
        removals=deque(_times(record.removals, now - elapsed)),
        peaks=deque(_times(record.peaks, now - elapsed)),
    )


def _grain(time: float) -> float:
    return time // PEAK_GRAIN_SECONDS


def _ages(times: Iterable[tuple[float, int]], now: float) -> tuple[tuple[int, int], ...]:
    return tuple((round((now - time) * 1000), number) for time, number in times)


def _times(ages: Iterable[tuple[int, int]], now: float) -> Iterable[tuple[float, int]]:
    return ((now - age_ms / 1000, number) for age_ms, number in ages)
