"""How fast automation may take endpoints out, of a name and of a cell (I8).

Budgets bound what is taken out within a sliding window; a floor bounds what slow drains
amount to in a day. What they do not grant is *held*: the endpoint stays in its name's
answers, with its true health beside it, until the budget has room, the endpoint is well
again, or a human decides. Nothing here ever holds an addition.

What was granted outlives the leader that granted it: what each publication changes of it
is written in the same transaction, and a new leader goes on from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from math import ceil, inf
from typing import assert_never

from registry.domain.health import ANSWERS, Evidence
from registry.domain.names import Incarnation, InstanceKey, ServiceKey
from registry.domain.track import Track, TrackRecord, restored


class Grade(Enum):
    """How much a reason to take an endpoint out is worth."""

    EXPLICIT = "explicit"
    """The owner or a human said so: not automation, and never held."""
    AGREED = "agreed"
    """Strong, and a second vantage point agrees."""
    STRONG = "strong"
    WEAK = "weak"


class Reason(Enum):
    """Why a removal is held."""

    NAME_BUDGET = "name_budget"
    NAME_FLOOR = "name_floor"
    CELL_BUDGET = "cell_budget"
    CELL_FLOOR = "cell_floor"
    KEPT = "kept"
    """A human wants it kept."""


@dataclass(frozen=True, slots=True)
class VelocityLimits:
    """The budgets. Shares are of the peak of the last day, of what was in the answers."""

    name_share: float = 0.1
    name_least: int = 1
    name_window_seconds: float = 30.0
    cell_share: float = 0.2
    cell_least: int = 16
    """So many always: in a small cell a share is no measure of anything."""
    cell_window_seconds: float = 300.0
    floor_share: float = 0.5
    peak_seconds: float = 86_400.0


# grade_of
#
#   evidence now                                 silent before  a second agrees  grade
#   -------------------------------------------  -------------  ---------------  --------
#   DEREGISTERED, WITHDRAWN                      any            any              EXPLICIT
#   REFUSED, NOT_SERVING, WRONG_IDENTITY: an     any            yes              AGREED
#   answer                                       any            no               STRONG
#   LEASE_EXPIRED: both kinds of silence         TIMEOUT        yes              AGREED
#   LEASE_EXPIRED                                TIMEOUT        no               STRONG
#   TIMEOUT: both kinds as well                  LEASE_EXPIRED  yes              AGREED
#   TIMEOUT                                      LEASE_EXPIRED  no               STRONG
#   TIMEOUT, LEASE_EXPIRED: one kind             else           any              WEAK
#   NONE, and successes: nothing speaks for it   any            any              WEAK
def grade_of(evidence: Evidence, before: Evidence, *, agreed: bool) -> Grade:
    """What a piece of evidence is worth, given what was known of the same incarnation before.

    `agreed`: whether a second vantage point has it too (`quorum.agreed`).
    """
    if evidence in (Evidence.DEREGISTERED, Evidence.WITHDRAWN):
        return Grade.EXPLICIT
    if evidence in ANSWERS or {evidence, before} == _BOTH_SILENCES:
        return Grade.AGREED if agreed else Grade.STRONG
    return Grade.WEAK


_BOTH_SILENCES = {Evidence.TIMEOUT, Evidence.LEASE_EXPIRED}


@dataclass(frozen=True, slots=True)
class Ruling:
    """Whether a removal may happen now; if not, why, and when to ask again."""

    reason: Reason | None = None
    release_seconds: float = 0.0
    """When the hold may end at the earliest as things stand; inf: not by time alone."""

    @property
    def granted(self) -> bool:
        """Whether it may."""
        return self.reason is None


Tracks = Mapping[ServiceKey | None, TrackRecord | None]
"""Records by name, None standing for the cell as a whole; a record of None is no more."""


class Velocity:
    """The budgets of one cell and of its names. Times are monotonic seconds."""

    def __init__(self, limits: VelocityLimits | None = None) -> None:
        self._limits = limits or VelocityLimits()
        self._cell = Track()
        self._names: dict[ServiceKey, Track] = {}
        self._granted: dict[tuple[InstanceKey, Incarnation], float] = {}
        """What was granted, so that a plan made twice is charged once."""
        self._touched: set[ServiceKey | None] = set()
        """Whose tracks differ from what was last written."""
        self._written: set[ServiceKey | None] = set()
        """Who has a record."""

    def __repr__(self) -> str:
        taken = sum(count for _, count in self._cell.removals)
        return f"<Velocity {self._cell.level} in answers, {taken} taken out>"

    @property
    def names(self) -> frozenset[ServiceKey]:
        """The names that something is remembered of."""
        return frozenset(self._names)

    def restore(self, tracks: Mapping[ServiceKey | None, TrackRecord], now: float, ms: int) -> None:
        """Go on from what the last leader wrote; `ms` is Unix milliseconds.

        What is in the answers is to be noted next.
        """
        for name, record in tracks.items():
            track = restored(record, now, ms)
            if name is None:
                self._cell = track
            else:
                self._names[name] = track
        self._written = set(tracks)
        # Each is looked at once more, so that what has become too old is dropped.
        self._touched = set(tracks)

    def records(self, now: float, ms: int) -> Tracks:
        """What has changed since `kept`: to be written with the next publication."""
        limits = self._limits
        found: dict[ServiceKey | None, TrackRecord | None] = {}
        for name in self._touched:
            track = self._cell if name is None else self._names.get(name)
            window = limits.cell_window_seconds if name is None else limits.name_window_seconds
            record = None
            if track is not None:
                record = track.record(
                    now, ms, window_seconds=window, peak_seconds=limits.peak_seconds
                )
            if record is not None or name in self._written:
                found[name] = record
        return found

    def kept(self, records: Tracks) -> None:
        """The records are written: the publication that they went with has won."""
        self._touched.clear()
        self._written.update(name for name, record in records.items() if record is not None)
        self._written.difference_update(name for name, r in records.items() if r is None)

    def note(self, name: ServiceKey, level: int, now: float) -> None:
        """So many endpoints of a name are in the answers, removals held or not."""
        peak_seconds = self._limits.peak_seconds
        track = self._names.setdefault(name, Track())
        if level != track.level:
            self._touched |= {name, None}
        self._cell.note(self._cell.level + level - track.level, now, peak_seconds)
        track.note(level, now, peak_seconds)
        if not level and not track.peak(now, peak_seconds):
            del self._names[name]

    def forget(self, name: ServiceKey, now: float) -> None:
        """A name was deleted, which is nobody's accident."""
        track = self._names.pop(name, None)
        if track is not None:
            self._touched |= {name, None}
            self._cell.note(self._cell.level - track.level, now, self._limits.peak_seconds)

    # ask
    #
    #   grade     granted before  name budget  name floor  cell budget  cell floor  ruling
    #   --------  --------------  -----------  ----------  -----------  ----------  -----------
    #   EXPLICIT  any             any          any         any          any         granted, free
    #   other     yes             any          any         any          any         granted, free
    #   AGREED    no              any          any         any          any         granted
    #   STRONG    no              any          any         used up      any         CELL_BUDGET
    #   STRONG    no              any          any         left         any         granted
    #   WEAK      no              used up      any         any          any         NAME_BUDGET
    #   WEAK      no              left         reached     any          any         NAME_FLOOR
    #   WEAK      no              left         above       used up      any         CELL_BUDGET
    #   WEAK      no              left         above       left         reached     CELL_FLOOR
    #   WEAK      no              left         above       left         above       granted
    #
    # What is granted, and is not free, is charged to the name's budget and to the cell's. A
    # floor is reached when one less would be below it.
    def ask(
        self,
        key: InstanceKey,
        incarnation: Incarnation,
        grade: Grade,
        minimum: int,
        now: float,
    ) -> Ruling:
        """Whether an endpoint may be taken out of its name's answers.

        `minimum` is the name's configured minimum of endpoints.
        """
        limits, identity = self._limits, (key, incarnation)
        if grade is Grade.EXPLICIT or identity in self._granted:
            return Ruling()
        track, cell = self._names.setdefault(key.service_key, Track()), self._cell
        over_cell_budget = self._over(
            cell, now, limits.cell_window_seconds, limits.cell_share, limits.cell_least
        )
        match grade:
            case Grade.AGREED:
                pass
            case Grade.STRONG:
                if over_cell_budget is not None:
                    return Ruling(Reason.CELL_BUDGET, over_cell_budget)
            case Grade.WEAK:
                over_name_budget = self._over(
                    track, now, limits.name_window_seconds, limits.name_share, limits.name_least
                )
                if over_name_budget is not None:
                    return Ruling(Reason.NAME_BUDGET, over_name_budget)
                if track.level - 1 < self._floor(track, minimum, now):
                    return Ruling(Reason.NAME_FLOOR, inf)
                if over_cell_budget is not None:
                    return Ruling(Reason.CELL_BUDGET, over_cell_budget)
                if cell.level - 1 < self._floor(cell, 0, now):
                    return Ruling(Reason.CELL_FLOOR, inf)
            case _:
                assert_never(grade)
        track.charge(now, limits.peak_seconds)
        cell.charge(now, limits.peak_seconds)
        self._touched |= {key.service_key, None}
        self._tidy(now)
        self._granted[identity] = now
        return Ruling()

    @property
    def has_granted(self) -> bool:
        """Whether any removal is remembered as granted; else nothing can be `well` again."""
        return bool(self._granted)

    def well(self, key: InstanceKey, incarnation: Incarnation) -> None:
        """An endpoint is healthy: to take it out later is another removal."""
        self._granted.pop((key, incarnation), None)

    def _over(
        self, track: Track, now: float, window_seconds: float, share: float, least: int
    ) -> float | None:
        """When the budget has room again; None while it has."""
        budget = max(least, int(share * track.peak(now, self._limits.peak_seconds)))
        if track.used(now, window_seconds) < budget:
            return None
        return track.room_at(budget, window_seconds) if budget else inf

    def _floor(self, track: Track, minimum: int, now: float) -> int:
        peak = track.peak(now, self._limits.peak_seconds)
        return max(minimum, ceil(self._limits.floor_share * peak))

    def _tidy(self, now: float) -> None:
        oldest = now - self._limits.peak_seconds
        while self._granted and next(iter(self._granted.values())) < oldest:
            del self._granted[next(iter(self._granted))]
