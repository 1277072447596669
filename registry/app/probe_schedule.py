"""Which instances of one cell are to be probed when, and what their results amount to.

No I/O: `now` comes in, what is due and what is to be recorded goes out. The registry's
word on an instance's health is what counts; the schedule keeps only streaks and times,
and forgets an incarnation when it is gone. A result of an older incarnation says
nothing about a newer one (I37).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Protocol as TypingProtocol
from zlib import crc32

from registry.domain import bucket, haste
from registry.domain.damping import Cause, Damping, observe, penalty_at, release
from registry.domain.health import ANSWERS, Evidence, Health, Standing, Streak, step
from registry.domain.instance import CheckKind, Instance, State
from registry.domain.names import Incarnation, InstanceKey, ServiceKey
from registry.domain.operation import Judge
from registry.domain.service import HealthPolicy

RETRY_SECONDS = 1.0
"""After silence that may become a verdict, the next try comes this soon."""
RETRY_AFTER_ANSWER_SECONDS = 0.5
"""The same after an answer: asking again costs next to nothing."""
STARTING_TRIES = 5
"""So many failures of an instance that has never succeeded are followed by a quick next try.

Few, since a mass of them may be registered whose ports stay closed.
"""
SPREAD = 0.1
"""Share of an interval by which one round differs from the next, so that none keep step."""


SOONEST_SECONDS = 0.05
"""A verdict that damping holds back is not asked for again sooner than this."""
NEGLIGIBLE = 0.1
"""A penalty below this is forgotten."""
KEPT_IN_MIND = 1024
"""Instances that are gone and whose damping is remembered, at least."""


class Note(TypingProtocol):
    """Hears of each result, with the streak before it."""

    def __call__(
        self, instance: Instance, streak: Streak, result: Evidence, *, rise: int, fall: int
    ) -> None:
        """Take it in."""
        ...


Consult = Callable[[Instance, Standing], Standing]
"""Says what standing an instance has, when this node's own probe would have it so."""


def _default_policy(_: ServiceKey) -> HealthPolicy:
    return HealthPolicy()


def _unnoted(instance: Instance, streak: Streak, result: Evidence, *, rise: int, fall: int) -> None:
    pass


def own_word(_: Instance, wished: Standing) -> Standing:
    """No other is asked."""
    return wished


def no_word(instance: Instance, _: Standing) -> Standing:
    """Nothing is decided here."""
    return Standing(instance.health, instance.evidence)


@dataclass(slots=True, eq=False)
class Target:
    """One incarnation under probe. Changed in place: probes are many."""

    instance: Instance
    streak: Streak = field(default_factory=Streak)
    due: float = 0.0
    under_way: bool = False
    settled_at: float = float("-inf")
    rounds: int = 0

    @property
    def is_doubtful(self) -> bool:
        """Whether the last try failed: such targets may be slow, and must not delay others."""
        return self.streak.failures > 0


class ProbeSchedule:
    """The targets of one cell, by time."""

    def __init__(
        self,
        policy_of: Callable[[ServiceKey], HealthPolicy] = _default_policy,
        *,
        note: Note = _unnoted,
        consult: Consult = own_word,
    ) -> None:
        self._policy_of = policy_of
        self._note = note
        self._consult = consult
        self._damping: dict[InstanceKey, tuple[Incarnation, Damping]] = {}
        """Outlives incarnations: one that comes back again and again flaps as well."""
        self._tidy_at = KEPT_IN_MIND
        self._targets: dict[InstanceKey, Target] = {}
        self._siblings: dict[ServiceKey, dict[InstanceKey, Target]] = {}
        self._haste = haste.FULL
        self._heap: list[tuple[float, int, Target]] = []
        self._serial = 0

    def __repr__(self) -> str:
        return f"<ProbeSchedule {len(self._targets)} targets>"

    def __len__(self) -> int:
        return len(self._targets)

    def begin(self, instances: Iterable[Instance], now: float) -> None:
        """Take over a cell: what is unvalidated is tried at once, the rest over one interval."""
        for instance in instances:
            self.put(instance, now)

    # put
    #
    #   instance                     known before          effect
    #   ---------------------------  --------------------  -------------------------------
    #   not ACTIVE                   any                   no target
    #   no check, and not UNKNOWN    any                   no target: its lease speaks for it
    #   same incarnation, not new    yes                   standing taken over
    #   same incarnation, UNKNOWN    as something else     tried at once, streak forgotten
    #   other incarnation, UNKNOWN   any                   tried at once
    #   other incarnation, else      any                   tried within one interval
    #
    # An UNKNOWN one without a check is one whose owner takes back that it cannot serve; to try
    # it is to see whether damping lets it in.
    def put(self, instance: Instance, now: float, unix_ms: int | None = None) -> None:
        """An instance is as it is now said to be.

        With the wall clock, asked once when the instance is first seen here, a leader knows
        since when (I36); without, a change of leader forgets the window.
        """
        self._observe(instance, now, unix_ms)
        checked = instance.registration.check.kind is not CheckKind.NONE
        if instance.state is not State.ACTIVE or not (checked or instance.health is Health.UNKNOWN):
            self._untarget(instance.key)
            return
        target = self._targets.get(instance.key)
        if target is not None and target.instance.incarnation == instance.incarnation:
            began_anew = (
                instance.health is Health.UNKNOWN and target.instance.health is not Health.UNKNOWN
            )
            target.instance = instance
            if began_anew:
                target.streak = Streak()
                self._push(target, now)
            return
        target = self._targets[instance.key] = Target(instance)
        self._siblings.setdefault(instance.key.service_key, {})[instance.key] = target
        if instance.health is Health.UNKNOWN:
            self._push(target, now)
        else:
            interval = instance.registration.check.interval_seconds
            self._push(target, now + interval * _share(instance.incarnation))

    def remove(self, key: InstanceKey, now: float) -> None:
        """An instance is gone, and with it all that is known of its probes."""
        self._untarget(key)
        known = self._damping.get(key)
        if known is not None:
            self._damping[key] = known[0], observe(known[1], False, now, cause=Cause.WISHED)

    def _untarget(self, key: InstanceKey) -> None:
        target = self._targets.pop(key, None)
        if target is not None:
            target.due = -1.0
            siblings = self._siblings[key.service_key]
            del siblings[key]
            if not siblings:
                del self._siblings[key.service_key]

    def next_due(self) -> float | None:
        """When the next target is due; None when there is none."""
        self._drop_stale()
        return self._heap[0][0] if self._heap else None

    def take(self, now: float) -> Target | None:
        """The longest due target, now under way; None when none is due."""
        self._drop_stale()
        if not self._heap or self._heap[0][0] > now:
            return None
        _, _, target = heappop(self._heap)
        target.under_way = True
        return target

    def settle(self, target: Target, result: Evidence, now: float) -> Judge | None:
        """Take in a result, and say what is to be recorded, if anything."""
        target.under_way = False
        target.settled_at = now
        instance = target.instance
        if self._targets.get(instance.key) is not target:
            return None
        check, policy = instance.registration.check, self._policy_of(instance.key.service_key)
        standing = Standing(instance.health, instance.evidence)
        rise, fall = policy.rise or check.rise, policy.fall or check.fall
        before = target.streak
        wished, target.streak = step(standing, before, result, rise=rise, fall=fall)
        self._note(instance, before, result, rise=rise, fall=fall)
        after = self._consult(instance, wished)
        allowed_at = self._allowed_at(instance, after, now)
        if allowed_at > now:
            # Asked again by then with what is true then; the streak goes on meanwhile.
            wait = self._pause(target, standing, Evidence.NONE, now)
            self._push(target, now + max(SOONEST_SECONDS, min(wait, allowed_at - now)))
            return None
        self._push(target, now + self._pause(target, after, result, now))
        if standing.health is Health.HEALTHY and target.streak.failures == 1:
            self._suspect(target, now)
        if after == standing:
            return None
        return Judge(instance.key, instance.incarnation, after.health, after.evidence)

    def reconsider(self, key: InstanceKey, incarnation: Incarnation, now: float) -> Judge | None:
        """What is to be recorded now that another's word on an instance has changed, if anything.

        One under probe is left to its result; what damping holds back, to its next probe.
        """
        target = self._targets.get(key)
        if target is None or target.under_way or target.instance.incarnation != incarnation:
            return None
        instance = target.instance
        standing = Standing(instance.health, instance.evidence)
        after = self._consult(instance, standing)
        if after == standing or self._allowed_at(instance, after, now) > now:
            return None
        return Judge(key, incarnation, after.health, after.evidence)

    def _allowed_at(self, instance: Instance, after: Standing, now: float) -> float:
        """When an instance may turn so; `now` where it does not turn (I26)."""
        up = after.health is Health.HEALTHY
        if up is (instance.health is Health.HEALTHY):
            return now
        window_seconds = self._policy_of(instance.key.service_key).damping_window_seconds
        _, known = self._damping[instance.key]
        return release(known, up=up, now=now, window_seconds=window_seconds)

    def vouches(self, key: InstanceKey, incarnation: Incarnation, now: float) -> bool:
        """Whether the last probes of an incarnation, not long ago, found it well."""
        target = self._targets.get(key)
        if target is None or target.instance.incarnation != incarnation:
            return False
        check = target.instance.registration.check
        fresh_seconds = check.interval_seconds + check.timeout_seconds + RETRY_SECONDS
        return (
            check.kind is not CheckKind.NONE
            and target.streak.successes > 0
            and now - target.settled_at <= fresh_seconds
        )

    def up_for_seconds(self, key: InstanceKey, now: float) -> float:
        """For how long an instance has been served, as far as this leader knows."""
        _, known = self._damping.get(key, (None, None))
        return float("inf") if known is None or not known.served else now - known.up_seconds

    def _observe(self, instance: Instance, now: float, unix_ms: int | None) -> None:
        age_seconds = float("inf")
        if unix_ms is not None:
            age_seconds = max(0.0, (unix_ms - instance.health_time_ms) / 1000)
        key = instance.key
        before, known = self._damping.get(key, (instance.incarnation, None))
        cause = Cause.FAILED
        if instance.health is Health.DRAINING:
            cause = Cause.WISHED
        elif before != instance.incarnation:
            cause = Cause.REPLACED
        damping = observe(
            known,
            instance.health is Health.HEALTHY,
            now,
            is_new=instance.create_time_ms == instance.health_time_ms,
            cause=cause,
            age_seconds=age_seconds,
        )
        self._damping[key] = instance.incarnation, damping
        if len(self._damping) > self._tidy_at:
            # This one may become a target in a moment, and a target has damping always.
            self._damping = {
                kept: (incarnation, known)
                for kept, (incarnation, known) in self._damping.items()
                if known.served
                or kept == key
                or kept in self._targets
                or now < known.suppressed_until_seconds
                or penalty_at(known, now) >= NEGLIGIBLE
            }
            self._tidy_at = 2 * len(self._damping) + KEPT_IN_MIND

    # _pause
    #
    #   after the try                                    next try after
    #   -----------------------------------------------  -------------------------------------
    #   HEALTHY and failing: `fall` may be reached       soon
    #   UNHEALTHY and succeeding, below `rise`           soon
    #   UNKNOWN and failing, the first STARTING_TRIES    soon: it is starting up
    #   else                                             interval, less a varying SPREAD of it
    #
    # Soon is RETRY_AFTER_ANSWER_SECONDS when the target answered no, else RETRY_SECONDS, and at
    # most the interval; but when there is no haste left it is the interval (I25).
    def _pause(self, target: Target, after: Standing, result: Evidence, now: float) -> float:
        check = target.instance.registration.check
        streak = target.streak
        if (
            (after.health is Health.HEALTHY and streak.failures > 0)
            or (after.health is Health.UNHEALTHY and 0 < streak.successes < check.rise)
            or (after.health is Health.UNKNOWN and streak.failures <= STARTING_TRIES)
        ) and self._hurry(now):
            answered = result in ANSWERS
            soon = RETRY_AFTER_ANSWER_SECONDS if answered else RETRY_SECONDS
            return min(check.interval_seconds, soon)
        target.rounds += 1
        uid = target.instance.incarnation
        if target.rounds == 1:
            return check.interval_seconds * _share(uid)
        return check.interval_seconds * (1.0 - SPREAD * _share(uid, target.rounds))

    def _suspect(self, failed: Target, now: float) -> None:
        """One of a service has failed: what took it may have taken the others, so look now."""
        for target in self._siblings[failed.instance.key.service_key].values():
            if target.instance.health is not Health.HEALTHY or target.is_doubtful:
                continue
            if target.under_way or target.due <= now + RETRY_AFTER_ANSWER_SECONDS:
                continue
            if not self._hurry(now):
                return
            self._push(target, now)

    def _hurry(self, now: float) -> bool:
        granted, self._haste = bucket.take(self._haste, haste.size(len(self._targets)), now)
        return granted

    def _push(self, target: Target, due: float) -> None:
        target.due = due
        if not target.under_way:
            self._serial += 1
            heappush(self._heap, (due, self._serial, target))

    def _drop_stale(self) -> None:
        # A target put forward or removed leaves its former place in the heap behind.
        while self._heap and (
            self._heap[0][2].due != self._heap[0][0] or self._heap[0][2].under_way
        ):
            heappop(self._heap)


def _share(uid: Incarnation, salt: int = 0) -> float:
    """A number from 0 to 1 that is the incarnation's own."""
    return crc32(uid.encode(), salt) / 0xFFFFFFFF
