"""A staged change of a service's policy, from the first canary's word to its end (I18, I19).

`step` judges one bake by what canaries say and by what they cease to say. A canary that
falls silent is taken for dead of the change: it may have crashed of it. What is known of a
bake lives in the memory of the one who judges; should it die, the bake begins anew, so
that no change acts everywhere on less than a whole bake seen by one judge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import assert_never

from registry.domain.names import FrontendId


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a change is tried, and how long silence is borne."""

    bake_seconds: float = 60.0
    """A canary must have done well for so long."""
    gap_seconds: float = 10.0
    """A canary that spoke and is silent for longer is taken for dead."""
    patience_seconds: float = 30.0
    """The first word of a canary must come within this time."""

    def __post_init__(self) -> None:
        """Raises ValueError for what cannot be meant (I39)."""
        if self.bake_seconds < 0 or not (0 < self.gap_seconds <= self.patience_seconds):
            raise ValueError("bake_seconds: below 0, or gap_seconds not within patience_seconds")


@dataclass(frozen=True, slots=True)
class Voice:
    """What one canary said of the change: that it does well, from when to when."""

    since: float
    last: float


@dataclass(frozen=True, slots=True)
class Bake:
    """One bake, as its judge has seen it. All times are the judge's monotonic clock's."""

    uid: str
    begun: float
    seen: float
    """When the judge last looked."""
    voices: Mapping[FrontendId, Voice] = field(default_factory=dict)


def begin(uid: str, now: float) -> Bake:
    """A bake of which nothing is known yet."""
    return Bake(uid, now, now)


@dataclass(frozen=True, slots=True)
class Vouched:
    """A canary said that the change does well."""

    frontend: FrontendId


@dataclass(frozen=True, slots=True)
class Failed:
    """A canary said that the change does badly."""

    frontend: FrontendId
    reason: str


@dataclass(frozen=True, slots=True)
class Looked:
    """The judge has heard all that was said, and looks at the time."""


Event = Vouched | Failed | Looked


class Outcome(Enum):
    """What becomes of the change."""

    BAKING = "baking"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What becomes of the change, and why where it is rolled back."""

    outcome: Outcome
    reason: str = ""


_BAKING = Judgement(Outcome.BAKING)


def step(bake: Bake, event: Event, now: float, pace: Pace) -> tuple[Bake, Judgement]:
    """The bake after `event`, and what becomes of the change.

    event    the bake                                        becomes
    -------  ----------------------------------------------  ---------------------------------
    Failed   any                                             rolled back, for that reason
    Vouched  the canary was not heard yet                    its voice begins
    Vouched  the canary was heard                            its voice goes on
    Looked   the judge did not look for longer than a gap    begun anew: it cannot tell who
                                                             was silent meanwhile
    Looked   no voice, within patience                       waits
    Looked   no voice, patience over                         rolled back: nobody vouches for it
    Looked   a voice silent for longer than a gap            rolled back: it may have died of it
    Looked   all voices fresh, none over a whole bake        waits: who is silent since before its
                                                             end may have died of it
    Looked   all voices fresh, one over a whole bake         promoted
    """
    match event:
        case Failed():
            return bake, _rolled_back(f"canary {event.frontend}: {event.reason}")
        case Vouched():
            before = bake.voices.get(event.frontend)
            voice = Voice(now if before is None else before.since, now)
            return replace(bake, voices={**bake.voices, event.frontend: voice}), _BAKING
        case Looked():
            if now - bake.seen > pace.gap_seconds:
                return begin(bake.uid, now), _BAKING
            return replace(bake, seen=now), _look(bake, now, pace)
        case _:
            assert_never(event)


def _look(bake: Bake, now: float, pace: Pace) -> Judgement:
    if not bake.voices:
        if now - bake.begun <= pace.patience_seconds:
            return _BAKING
        return _rolled_back(f"no canary vouched for it within {pace.patience_seconds:g} s")
    for frontend, voice in sorted(bake.voices.items()):
        if now - voice.last > pace.gap_seconds:
            return _rolled_back(
                f"canary {frontend} fell silent {now - voice.since:.0f} s after its first word;"
                " it may have died of it"
            )
    if any(each.last - each.since >= pace.bake_seconds for each in bake.voices.values()):
        return Judgement(Outcome.PROMOTED)
    return _BAKING


def _rolled_back(reason: str) -> Judgement:
    return Judgement(Outcome.ROLLED_BACK, reason)
