"""The observers of one cell as its leader hears them, and what they decide together (I14).

Other nodes, and DNS frontends that probe, tell the store what they do not find well; the
leader reads it, asks `domain.quorum` about each endpoint that would change sides, and
`domain.quarantine` whom to believe, itself included. Where no other observer has a word on an
endpoint, the leader's own probe decides as ever, unless it seems blind.

An observer lives while its beat moves, by this node's clock; whatever was in the store before
this leader came counts only once it has moved.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Set

from registry import telemetry
from registry.app.lead import Lead
from registry.app.sight import Sight, View
from registry.app.uptime import Uptime
from registry.app.witness import Witness
from registry.domain.errors import StoreUnavailable
from registry.domain.health import Evidence, Health, Standing
from registry.domain.instance import CheckKind, Instance
from registry.domain.names import CellName, Incarnation, InstanceKey, ServiceKey
from registry.domain.observation import BEAT_SECONDS, LIFETIME_SECONDS, Observation, ObserverId
from registry.domain.observer import ObserverRecord, Quarantine
from registry.domain.quarantine import Gainsaid, Look, Trust, may_conclude, step
from registry.domain.quorum import agreed, gainsaying, ruled, verdict
from registry.ports import Clock, Store

log = logging.getLogger(__name__)

READ_SECONDS = 0.5
ALONE_READ_SECONDS = BEAT_SECONDS
"""The same while nobody else is known. A newcomer's words count once its beat has moved, and it
has to find the endpoints well first, so to hear of it this late costs nothing."""
LOOK_SECONDS = 0.25
"""What this node itself sees is looked at anew after this, when something hangs on it."""
LAG_SECONDS = 5.0
"""Within so much time every observer has heard of a new instance."""
FORGET_SECONDS = 60.0
"""An observer silent for longer loses its row."""
OBSERVER_LIMIT = 64
"""More observers of one cell than these, by name, are not listened to."""


class Council:
    """One reign's. `consult` is asked by the probes' schedule."""

    def __init__(
        self,
        cell: CellName,
        me: ObserverId,
        lead: Lead,
        store: Store,
        sight: Sight,
        clock: Clock,
        uptime: Uptime,
        reconsider: Callable[[Incarnation], None],
    ) -> None:
        """`reconsider` is called for each incarnation on which another's word has changed."""
        self.trust = Trust()
        """Whether this node believes itself."""
        self._cell = cell
        self._me = me
        self._lead = lead
        self._store = store
        self._sight = sight
        self._clock = clock
        self._uptime = uptime
        self._reconsider = reconsider
        self._witnesses: dict[ObserverId, Witness] = {}
        self._accused: Set[Incarnation] = frozenset()
        """Those that any other observer does not find well."""
        self._why = ""
        """Why the leader before did not believe this node, if it did not."""
        self._first = True
        self._look = Look(0)
        self._looked_at = float("-inf")

    def __repr__(self) -> str:
        away = sum(each.trust.quarantined for each in self._witnesses.values())
        blind = ", blind" if self.trust.quarantined else ""
        return f"<Council {self._cell}: {len(self._witnesses)} others, {away} in quarantine{blind}>"

    # --- what an endpoint's standing becomes ------------------------------------------------

    def consult(self, instance: Instance, wished: Standing) -> Standing:
        """The standing after a probe, `wished` being what this node's own probe would have."""
        standing = Standing(instance.health, instance.evidence)
        incarnation = instance.incarnation
        if (
            wished == standing
            and standing.health is not Health.UNHEALTHY
            and incarnation not in self._accused
        ):
            return wished
        view = self._sight.views.get(instance.key)
        if view is None or view.instance.incarnation != incarnation:
            return wished
        now = self._clock.monotonic()
        words = self._words(view, now)
        if not words:
            return self._alone(view, standing, wished, now)
        if not self.trust.quarantined:
            words.append(self._own(view, now))
        return ruled(standing, wished, verdict(words, fresh_seconds=self._fresh_seconds(view)))

    def agrees(self, key: InstanceKey, incarnation: Incarnation, evidence: Evidence) -> bool:
        """Whether a second vantage point has found what an endpoint is to be removed on (I8)."""
        view = self._sight.views.get(key)
        if view is None or view.instance.incarnation != incarnation:
            return False
        now = self._clock.monotonic()
        words = self._words(view, now)
        if not self.trust.quarantined:
            words.append(self._own(view, now))
        return agreed(evidence, words, fresh_seconds=self._fresh_seconds(view))

    def _alone(self, view: View, standing: Standing, wished: Standing, now: float) -> Standing:
        if standing.health is not Health.HEALTHY or wished.health is not Health.UNHEALTHY:
            return wished
        if now - self._looked_at >= LOOK_SECONDS:
            self._look_at_self(now)
        concluded = may_conclude(
            wished.evidence,
            quarantined=self.trust.quarantined,
            mass=self._look.is_mass,
            heard_since=self._sight.heard_since(view),
            failing_seconds=self._sight.failing_seconds(view),
        )
        return wished if concluded else standing

    # _words: what another observer's report says of one endpoint
    #
    #   the observer                 the endpoint                              its word
    #   ---------------------------  ----------------------------------------  -------------
    #   not heard, or in quarantine  any                                       none
    #   counts                       among its findings                        the finding
    #   counts                       not among them, and new                   none
    #   counts, connects only        not among them, checked not by TCP alone  none
    #   counts                       not among them                            VALIDATED
    def _words(
        self, view: View, now: float, besides: ObserverId | None = None
    ) -> list[Observation]:
        words: list[Observation] = []
        instance = view.instance
        check = instance.registration.check
        for witness in self._witnesses.values():
            if witness.id == besides or witness.trust.quarantined or not witness.is_heard(now):
                continue
            found = witness.findings.failing.get(instance.incarnation)
            if found is None:
                if now - view.first_seconds < witness.round_seconds(check) + LAG_SECONDS:
                    continue
                if witness.findings.connects_only and not _is_connect(instance):
                    continue
                found = Evidence.VALIDATED
            if found is Evidence.NONE:
                continue
            age = now - (witness.beat_seconds or now) + witness.round_seconds(check)
            since = witness.failing_since.get(instance.incarnation, now)
            words.append(Observation(witness.id, found, age, now - since))
        return words

    def _own(self, view: View, now: float) -> Observation:
        return Observation(
            self._me,
            Evidence.NONE if view.opinion.health is Health.UNKNOWN else view.opinion.evidence,
            0.0,
            self._sight.failing_seconds(view),
            own=True,
        )

    def _fresh_seconds(self, view: View) -> float:
        # Whose beat is old is not among the words; a round of its own may be slow.
        check = view.instance.registration.check
        pace = max((each.round_seconds(check) for each in self._witnesses.values()), default=0.0)
        return LIFETIME_SECONDS + pace

    # --- whom to believe -------------------------------------------------------------------

    async def run(self) -> None:
        """Listen and judge, for ever. Raises LeadershipLost, CellFrozen."""
        while True:
            try:
                await self.look()
            except StoreUnavailable as error:
                await self._clock.sleep(error.retry_after_seconds)
            await self._clock.sleep(READ_SECONDS if self._witnesses else ALONE_READ_SECONDS)

    async def look(self) -> None:
        """Read what the others say, and judge all. Raises as `run`, and StoreUnavailable."""
        known = {each.id: each.version for each in self._witnesses.values()}
        with self._uptime.asking():
            records = await self._store.observers(self._cell, known)
        now = self._clock.monotonic()
        changed = self._hear(records, now)
        self._look_at_self(now)
        for witness in self._witnesses.values():
            if witness.is_heard(now):
                look = self._look_of(witness, now)
                witness.trust = self._judged(witness.id, witness.trust, look, now)
        await self._tell(records, now)
        for incarnation in changed:
            self._reconsider(incarnation)

    def _hear(self, records: Iterable[ObserverRecord], now: float) -> set[Incarnation]:
        """Take in what was read; returns on whom a word has changed."""
        changed: set[Incarnation] = set()
        listened: dict[ObserverId, Witness] = {}
        for record in sorted(records, key=_nodes_first):
            if record.observer == self._me:
                if self._first and record.quarantine_ms:
                    self.trust, self._why = _distrusted(now), record.why
                continue
            if len(listened) >= OBSERVER_LIMIT:
                break
            witness = self._witnesses.get(record.observer)
            if witness is None:
                witness = Witness(record.observer, now, record.beat)
                if record.quarantine_ms:
                    # The leader before did not believe it; that is not forgotten with it.
                    witness.trust, witness.why = _distrusted(now), record.why
            listened[record.observer] = witness
            if record.beat != witness.beat:
                witness.beat, witness.beat_seconds = record.beat, now
            if record.findings is not None:
                changed |= witness.renew(record.findings, now)
                witness.version = record.version
        for gone in self._witnesses.keys() - listened.keys():
            changed |= self._witnesses[gone].findings.failing.keys()
        self._witnesses = listened
        self._first = False
        if changed:
            self._accused = frozenset(
                incarnation
                for witness in listened.values()
                for incarnation in witness.findings.failing
            )
        return changed

    def _look_at_self(self, now: float) -> None:
        self._looked_at = now
        failing: dict[ServiceKey, list[View]] = {}
        for key, view in self._sight.failing.items():
            failing.setdefault(key.service_key, []).append(view)
        others = any(
            each.is_heard(now) and not each.trust.quarantined for each in self._witnesses.values()
        )

        def is_gainsaid(view: View) -> bool:
            if not others:
                silent = view.failure is Evidence.TIMEOUT
                return silent and self._sight.heard_since(view)
            word = Observation(
                self._me, Evidence.TIMEOUT, 0.0, self._sight.failing_seconds(view), own=True
            )
            return self._gainsaid(word, self._words(view, now))

        by = Gainsaid.OTHERS if others else Gainsaid.HEARTBEATS
        self._look = self._looked(failing, self._sight.served, is_gainsaid, by)
        self.trust = self._judged(self._me, self.trust, self._look, now)

    def _look_of(self, witness: Witness, now: float) -> Look:
        failing: dict[ServiceKey, list[View]] = {}
        unknown: dict[ServiceKey, int] = {}
        for incarnation, evidence in witness.findings.failing.items():
            view = self._sight.of(incarnation)
            if view is None or not view.is_served:
                continue
            service = view.instance.key.service_key
            if evidence is Evidence.NONE:
                unknown[service] = unknown.get(service, 0) + 1
            else:
                failing.setdefault(service, []).append(view)

        def is_gainsaid(view: View) -> bool:
            since = witness.failing_since.get(view.instance.incarnation, now)
            word = Observation(witness.id, Evidence.TIMEOUT, 0.0, now - since)
            others = self._words(view, now, besides=witness.id)
            if not self.trust.quarantined:
                others.append(self._own(view, now))
            return self._gainsaid(word, others)

        served = self._sight.served
        if unknown and failing:
            reached = ((key, count - unknown.get(key, 0)) for key, count in served.items())
            served = {key: count for key, count in reached if count > 0}
        return self._looked(failing, served, is_gainsaid, Gainsaid.OTHERS)

    def _looked(
        self,
        failing: Mapping[ServiceKey, list[View]],
        served: Mapping[ServiceKey, int],
        is_gainsaid: Callable[[View], bool],
        by: Gainsaid,
    ) -> Look:
        mostly = [
            views for service, views in failing.items() if 2 * len(views) > served.get(service, 0)
        ]
        look = Look(len(served), len(mostly), 0, by)
        if not look.is_mass:
            return look
        gainsaid = sum(2 * sum(map(is_gainsaid, views)) > len(views) for views in mostly)
        return Look(len(served), len(mostly), gainsaid, by)

    def _gainsaid(self, word: Observation, others: list[Observation]) -> bool:
        """Whether more others find an endpoint well, since it began to fail, than do not."""
        counted = [each for each in others if each.evidence is not Evidence.NONE]
        return 2 * len(gainsaying(word, counted)) > len(counted)

    def _judged(self, observer: ObserverId, trust: Trust, look: Look, now: float) -> Trust:
        after = step(trust, look, now)
        if after.quarantined is not trust.quarantined:
            extra = {"cell": self._cell, "observer": observer}
            if after.quarantined:
                telemetry.observer_quarantines.add(1, {"cell": self._cell})
                log.error(
                    "an observer is in quarantine: its words count for nothing",
                    extra=extra | {"why": after.why},
                )
            else:
                log.warning("an observer is believed again", extra=extra)
        return after

    async def _tell(self, records: Iterable[ObserverRecord], now: float) -> None:
        """Have the store know whom this leader believes, where that has changed."""
        unix_ms = self._clock.unix_ms()
        news: dict[ObserverId, Quarantine] = {}
        gone: list[ObserverId] = []
        for record in records:
            witness = self._witnesses.get(record.observer)
            if record.observer == self._me:
                trust, why = self.trust, self.trust.why or self._why
            elif witness is None:
                # one too many, whose beat nobody follows; its words count for nothing anyway
                if unix_ms - record.seen_ms > FORGET_SECONDS * 1000:
                    gone.append(record.observer)
                continue
            else:
                trust, why = witness.trust, witness.trust.why or witness.why
                if now - (witness.beat_seconds or witness.first_seconds) > FORGET_SECONDS:
                    gone.append(record.observer)
                    continue
            before = Quarantine(record.quarantine_ms, record.why)
            if not trust.quarantined:
                after = Quarantine()
            else:
                since_ms = unix_ms - round((now - trust.since_seconds) * 1000)
                after = Quarantine(before.since_ms or since_ms, why)
            if after != before:
                news[record.observer] = after
        heard = [each for each in self._witnesses.values() if each.is_heard(now)]
        away = sum(each.trust.quarantined for each in heard) + self.trust.quarantined
        telemetry.observers.set(1 + len(heard) - away, {"cell": self._cell, "state": "believed"})
        telemetry.observers.set(away, {"cell": self._cell, "state": "quarantined"})
        if news or gone:
            with self._uptime.asking():
                await self._store.judge_observers(self._lead.fence, news, gone)


def _nodes_first(record: ObserverRecord) -> tuple[bool, ObserverId]:
    """So that frontends, however many, never drown the registry's own nodes."""
    return not record.observer.startswith("node."), record.observer


def _distrusted(now: float) -> Trust:
    """In quarantine since a reign before this one, whose times mean nothing here."""
    return Trust(True, since_seconds=now, round_seconds=now)


def _is_connect(instance: Instance) -> bool:
    """Whether a connection to the first TCP port is all that the instance's check asks for."""
    check = instance.registration.check
    first = next((p for p in instance.registration.ports if p.protocol.value == "tcp"), None)
    return check.kind is CheckKind.TCP and first is not None and check.port == first.number
