"""How fast endpoints may leave the answers here, whatever the registry grants (I8).

The registry rations what its automation takes out; this is the frontend's own ration, by
its own code, so that a registry that has lost its judgement costs no name most of its
endpoints at once. It is never narrower than the registry's, so what a sound one publishes
passes. What is over it stays in the name's answers, as the endpoint that the registry says
it is with a *hold* beside its health; all else of the generation is taken, and additions
always are. A hold is over when the endpoint is well, when what is said of it is explicit or
strong, or when the registry still says so after a while (`Rules.suspicion_seconds`).

Pure. What has left within the window is forgotten by a restart; what is held is on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from dns_frontend.plan.digest import Difference, EntryTree, Published
from dns_frontend.plan.entry import Endpoint, Health, ServiceEntry
from dns_frontend.plan.holding import Held

_OWNERS_WORD = ("deregistered", "withdrawn")
_ANSWERS = ("refused", "not_serving", "wrong_identity")
_SILENCES = {"timeout", "lease_expired"}


class Reason(Enum):
    """Why a removal is held here; the word that `Endpoint.hold` has for it."""

    NAME = "frontend_name"
    CELL = "frontend_cell"
    VANISHED = "frontend_vanished"


_REASONS = frozenset(reason.value for reason in Reason)


@dataclass(frozen=True, slots=True)
class VelocityLimits:
    """Shares are of what was answered with; of a cell, of the endpoints that it has.

    Each is at least what the registry may grant, whose shares are of the day's peak and who
    goes down to half of that on weak evidence.
    """

    name_share: float = 0.25
    name_least: int = 1
    name_window_share: float = 0.5
    cell_share: float = 0.4
    cell_least: int = 16
    """So many always: in a small cell a share is no measure of anything."""
    cell_window_share: float = 0.5
    window_seconds: float = 300.0
    vanished_share: float = 0.5
    """More than this of a cell, gone from one generation and from several names without a word,
    looks like a read in part ..."""
    vanished_least: int = 20
    """... but so many may always go: owners deregister."""


class Leaving(Enum):
    """What an endpoint's way out of its name's answers is worth."""

    STAYS = "stays"
    EXPLICIT = "explicit"
    STRONG = "strong"
    WEAK = "weak"
    VANISHED = "vanished"


Merge = Callable[[Published, Published, Mapping[str, Reason]], Published]
"""Of what is answered of a name and what is said of it now, the latter with some instances
held: those that it has get the hold, those that it lacks come from the former, UNHEALTHY."""


class Loss(NamedTuple):
    """What a name would lose by a step."""

    level: int
    """Endpoints answered with before."""
    weak: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()
    weak_net: int = 0
    """What additions do not make up for."""
    vanished_net: int = 0


@dataclass(frozen=True, slots=True)
class Track:
    """Weak losses that passed: when, how many, and the level before."""

    losses: tuple[tuple[float, int, int], ...] = ()

    def within(self, now: float, window_seconds: float) -> Track:
        """Without what is too old."""
        return Track(tuple(each for each in self.losses if each[0] > now - window_seconds))

    def plus(self, now: float, count: int, level: int) -> Track:
        """With so many more."""
        return Track((*self.losses, (now, count, level)))


@dataclass(frozen=True, slots=True)
class Pace:
    """What is remembered of a cell about what left its answers."""

    names: Mapping[str, Track] = field(default_factory=dict)
    cell: Track = field(default_factory=Track)
    slowed: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """The names with held removals: of which instances, and since when."""


class Slowing(NamedTuple):
    """What is held of a step."""

    held: dict[str, Published]
    pace: Pace


def is_answered(endpoint: Endpoint) -> bool:
    """Whether its name is answered with it, as far as its cell is concerned."""
    return endpoint.health is Health.HEALTHY or bool(endpoint.hold)


def is_slowed(entry: ServiceEntry | None) -> bool:
    """Whether the entry is one that this module made: with endpoints that it holds."""
    return entry is not None and any(each.hold in _REASONS for each in entry.endpoints)


# leaving
#
#   before      after                                                leaving
#   ----------  ---------------------------------------------------  --------
#   unanswered  any                                                  STAYS: nothing is lost
#   answered    HEALTHY, or held by the registry                     STAYS
#   answered    absent, one of its addresses is another endpoint's   EXPLICIT: replaced
#   answered    absent, else                                         VANISHED: its owner's deed,
#                                                                    or a row that was not read
#   answered    another incarnation                                  EXPLICIT: registered anew
#   answered    DRAINING, DEREGISTERED, WITHDRAWN                    EXPLICIT: the owner's word
#   answered    its removal was confirmed by an operator             EXPLICIT
#   answered    REFUSED, NOT_SERVING, WRONG_IDENTITY                 STRONG: an answer
#   answered    LEASE_EXPIRED, before TIMEOUT; or the reverse        STRONG: both silences
#   answered    else                                                 WEAK
def leaving(before: Endpoint, after: Endpoint | None, taken: Collection[str] = ()) -> Leaving:
    """How an endpoint leaves; `taken` are the addresses of the endpoints that there are now."""
    if not is_answered(before):
        return Leaving.STAYS
    if after is None:
        moved = any(address in taken for address in before.addresses)
        return Leaving.EXPLICIT if moved else Leaving.VANISHED
    if is_answered(after):
        return Leaving.STAYS
    if (
        after.incarnation != before.incarnation
        or after.health is Health.DRAINING
        or after.evidence in _OWNERS_WORD
        or after.confirmed
    ):
        return Leaving.EXPLICIT
    if after.evidence in _ANSWERS or {before.evidence, after.evidence} == _SILENCES:
        return Leaving.STRONG
    return Leaving.WEAK


def loss_of(before: ServiceEntry, after: ServiceEntry) -> Loss:
    """What a step takes from a name; nothing where it is deleted, or its last set is kept.

    Additions make up for what vanished first: a release replaces instances by others.
    """
    level = sum(map(is_answered, before.endpoints))
    if before.tombstoned or after.tombstoned or after.held:
        return Loss(level)
    # most steps take nothing away, and are seen at a glance
    if sum(map(is_answered, after.endpoints)) >= level:
        return Loss(level)
    now = {each.instance: each for each in after.endpoints}
    taken = {address for each in after.endpoints for address in each.addresses}
    known = {each.instance for each in before.endpoints if is_answered(each)}
    added = sum(is_answered(each) and each.instance not in known for each in after.endpoints)
    ways = {
        each.instance: leaving(each, now.get(each.instance), taken) for each in before.endpoints
    }
    weak = tuple(instance for instance, way in ways.items() if way is Leaving.WEAK)
    vanished = tuple(instance for instance, way in ways.items() if way is Leaving.VANISHED)
    return Loss(
        level,
        weak,
        vanished,
        max(0, len(weak) - max(0, added - len(vanished))),
        max(0, len(vanished) - added),
    )


# is_over
#
#   lost by this step  with what left in the window  at once  over
#   -----------------  ----------------------------  -------  ----
#   nothing            any                           any      no
#   within `share`     within `window_share`         any      no
#   more               within `window_share`         yes      yes
#   more               within `window_share`         no       no: several generations' worth
#   any                more                          any      yes
#
# A share is of the highest level within the window, and `least` always may.
def is_over(
    track: Track,
    lost: int,
    level: int,
    *,
    share: float,
    window_share: float,
    least: int,
    at_once: bool,
) -> bool:
    """Whether a weak loss is more than may be; `track` has the window's."""
    if not lost:
        return False
    highest = max(level, max((before for _, _, before in track.losses), default=0))
    before = sum(count for _, count, _ in track.losses)
    if lost + before > max(least, int(window_share * highest)):
        return True
    return at_once and lost > max(least, int(share * highest))


# restrain, name by name
#
#   held here for `hold_seconds`  is_over, of the name  of the cell  vanished  held are
#   ----------------------------  --------------------  -----------  --------  ----------------
#   yes                           any                   any          any       none: it is meant
#   no                            yes                   any          -         its weak ones
#   no                            no                    yes          -         its weak ones
#   no                            no                    no           -         none of these
#   no                            any                   any          too many  and those vanished
#   no                            any                   any          else      none of these
#
# Each instance is held for so long: what leaves just before another one's time is over, has
# only just been said. What is meant is no part of what the other columns count.
# Too many vanished are more than `vanished_share` and more than `vanished_least` of the cell,
# from two names or more, at once: in one generation. What vanishes from one name alone, however
# much, is its owner's deed or a rollback, and whom it names is gone: to hold it would answer
# with the dead. What is held already counts as one generation's.
# What would be out of bounds with what is held is taken as it is.
def restrain(
    served: EntryTree,
    already: Held,
    candidate: EntryTree,
    difference: Difference,
    emptied: Held,
    pace: Pace,
    *,
    steps: int,
    now: float,
    hold_seconds: float,
    limits: VelocityLimits,
    merge: Merge,
) -> Slowing:
    """What is to be held of a step, beside the names that it would empty.

    Costs what differs and what is held.
    """
    slowed_before = {key for key, kept in already.items() if is_slowed(kept.entry)}
    losses: dict[str, tuple[Published, Published, Loss]] = {}
    for key in sorted({*difference.changed, *slowed_before} - emptied.keys()):
        before, after = already.get(key) or served.get(key), candidate.get(key)
        if before is None or before.entry is None or after is None or after.entry is None:
            continue
        loss = loss_of(before.entry, after.entry)
        if not after.fault and (loss.weak_net or loss.vanished_net):
            losses[key] = before, after, loss
    asked = {
        key: _young(loss, pace.slowed.get(key, {}), now, hold_seconds)
        for key, (_, _, loss) in losses.items()
    }
    asked = {key: loss for key, loss in asked.items() if loss.weak_net or loss.vanished_net}
    tracks = {
        key: recent
        for key, track in pace.names.items()
        if (recent := track.within(now, limits.window_seconds)).losses
    }
    cell = pace.cell.within(now, limits.window_seconds)
    endpoints = served.totals.endpoints
    at_once = {key for key in asked if steps == 1 or key in slowed_before}
    weak = _weak_held(asked, at_once, tracks, cell, endpoints, limits)
    vanishing = [asked[key].vanished_net for key in at_once if asked[key].vanished_net]
    read_in_part = len(vanishing) > 1 and _vanishes(sum(vanishing), endpoints, limits)
    held: dict[str, Published] = {}
    slowed: dict[str, Mapping[str, float]] = {}
    for key, (before, after, loss) in losses.items():
        kept: dict[str, Reason] = {}
        if key in weak:
            kept |= dict.fromkeys(asked[key].weak, weak[key])
        if key in at_once and read_in_part:
            kept |= dict.fromkeys(asked[key].vanished, Reason.VANISHED)
        merged = merge(before, after, kept) if kept else None
        if merged is not None and not merged.fault:
            held[key] = merged
            since = pace.slowed.get(key, {})
            slowed[key] = {instance: since.get(instance, now) for instance in kept}
        left = loss.weak_net - (asked[key].weak_net if key in held and key in weak else 0)
        if left:
            tracks[key] = tracks.get(key, Track()).plus(now, left, loss.level)
            cell = cell.plus(now, left, endpoints)
    return Slowing(held, Pace(tracks, cell, slowed))


def _young(loss: Loss, since: Mapping[str, float], now: float, hold_seconds: float) -> Loss:
    """A loss without what was held for so long."""
    weak, vanished = (
        tuple(each for each in some if now - since.get(each, now) < hold_seconds)
        for some in (loss.weak, loss.vanished)
    )
    return Loss(
        loss.level,
        weak,
        vanished,
        min(len(weak), loss.weak_net),
        min(len(vanished), loss.vanished_net),
    )


def _weak_held(
    asked: Mapping[str, Loss],
    at_once: Collection[str],
    tracks: Mapping[str, Track],
    cell: Track,
    endpoints: int,
    limits: VelocityLimits,
) -> dict[str, Reason]:
    """The names whose weak losses are held: for their own budgets, else for the cell's."""
    held = {
        key: Reason.NAME
        for key, loss in asked.items()
        if is_over(
            tracks.get(key, Track()),
            loss.weak_net,
            loss.level,
            share=limits.name_share,
            window_share=limits.name_window_share,
            least=limits.name_least,
            at_once=key in at_once,
        )
    }
    rest = {key: loss for key, loss in asked.items() if key not in held and loss.weak_net}
    if is_over(
        cell,
        sum(loss.weak_net for loss in rest.values()),
        endpoints,
        share=limits.cell_share,
        window_share=limits.cell_window_share,
        least=limits.cell_least,
        at_once=any(key in at_once for key in rest),
    ):
        held |= dict.fromkeys(rest, Reason.CELL)
    return held


def _vanishes(lost: int, of: int, limits: VelocityLimits) -> bool:
    return lost > max(limits.vanished_least, int(limits.vanished_share * of))


def is_due(pace: Pace, held: Held, now: float, hold_seconds: float) -> bool:
    """Whether what is held is to be looked at again although nothing was published."""
    return any(
        key not in pace.slowed or now - min(pace.slowed[key].values()) >= hold_seconds
        for key, kept in held.items()
        if key in pace.slowed or is_slowed(kept.entry)
    )
