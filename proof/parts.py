"""The pieces of a world's steps, each a shipped function, remembered by what it was given."""

from __future__ import annotations

from functools import cache

from dns_frontend.plan.cell import (
    Acknowledge,
    BaseArrived,
    CellState,
    DeltaArrived,
    Event,
    Refused,
    Snapshot,
)
from dns_frontend.plan.cell import Rules as FrontendRules
from dns_frontend.plan.entry import CellPosition
from dns_frontend.plan.guard import Finding, Rule
from proof.contents import (
    CELL,
    CODEC,
    CONTENTS,
    REGION,
    TRUTHS,
    WEB,
    entry,
    instances,
    names,
    service,
    tombstoned,
)
from proof.rules import Rules
from registry.domain.cell_plan import CellPlan, Entry
from registry.domain.guard import Limits
from registry.domain.names import (
    Epoch,
    Generation,
    NamespaceId,
    Revision,
    ServiceId,
    ServiceKey,
)
from registry.domain.plan import Head
from registry.domain.publication import first_record, next_step
from registry.domain.rollback import restored_entries

LIMITS = Limits()
FRONTEND_RULES = FrontendRules()


class Parts:
    """Planning, guarding, numbering, and the database's rule of names."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.propose = cache(self._propose)
        self.next_generation = cache(self._next_generation)
        self.database_refuses = cache(self._database_refuses)
        self.found = cache(self._found)
        self.remembered = cache(self._remembered)
        self.restored = cache(self._restored)
        self.asked_for = cache(self._asked_for)

    def _propose(self, truth: int, content: int, *, partial: bool) -> int:
        """What a publisher makes of a content; `partial`: its queries returned too few rows."""
        old = CONTENTS.entries(content)
        proposed: dict[str, Entry | None] = {}
        keys = dict.fromkeys(TRUTHS[truth]) | dict.fromkeys(map(_key, old))
        for key in keys:
            before = old.get(key.entry)
            previous = None if before is None else before.plan
            known = None if partial and key == WEB else service(truth, key)
            if known is None:
                if previous is not None and self.rules.missing(previous) is None:
                    proposed[key.entry] = None
                continue
            found = () if partial else instances(truth, key)
            planned = self.rules.plan(known, found, previous, Revision(1))
            if planned is not previous:
                proposed[key.entry] = entry(planned)
        plan = CellPlan(first_record(CELL, Epoch(0), Generation(1), b""), old)
        judgement = self.rules.guard(plan.entries, plan.totals, proposed, LIMITS)
        after = dict(old)
        for name, made in judgement.accepted.items():
            if made is None:
                after.pop(name, None)
            else:
                after[name] = made
        return CONTENTS.number(after)

    def _next_generation(self, parent: int, epoch: int, above: int, skip: int) -> int:
        plan = CellPlan(first_record(CELL, Epoch(epoch), Generation(parent), b""))
        step = next_step(
            plan,
            {},
            epoch=Epoch(epoch),
            revision=Revision(0),
            now_ms=0,
            traceparent="",
            above=Generation(above),
            skip=skip,
        )
        return step.record.generation

    def _database_refuses(self, before: int, after: int, truth: int) -> bool:
        old, new = names(before), names(after)
        return any(
            self.rules.emptied(
                old[key], new.get(key), buried=TRUTHS[truth].get(_key(key), ()) is None
            )
            for key in old
        )

    def _found(
        self,
        head: int,
        digest_of: int,
        newest: int,
        rows: int,
        stored: tuple[tuple[int, int | None], ...],
    ) -> tuple[int, bool]:
        """What the shipped decision builds on: the content, and whether that is the head."""
        at = Head(
            CELL,
            REGION,
            Epoch(1),
            Generation(head),
            CONTENTS.tree(digest_of).digest if head else b"",
            0,
            "",
        )
        kept = {generation: content for generation, content in stored if content is not None}
        search = self.rules.found(at, Generation(newest), names(rows), CODEC.decode)
        try:
            wanted = next(search)
            while True:
                content = kept.get(wanted)
                wanted = search.send(
                    None
                    if content is None
                    else (
                        first_record(CELL, Epoch(1), wanted, CONTENTS.tree(content).digest),
                        {key: each.body for key, each in CONTENTS.entries(content).items()},
                    )
                )
        except StopIteration as done:
            plan = done.value.plan
            return CONTENTS.number(plan.entries), plan.is_sound
        except Exception as error:
            if type(error).__name__ == "HeadUnreadableError":
                return -1, False
            raise

    def _remembered(self, content: int, held: int) -> int:
        """A content, with what a frontend holds beside it put over it."""
        return CONTENTS.number({**CONTENTS.entries(content), **CONTENTS.entries(held)})

    def _restored(self, content: int, old: int) -> int:
        after = dict(CONTENTS.entries(content))
        for key, made in restored_entries(after, CONTENTS.entries(old)).items():
            if made is None:
                after.pop(key, None)
            else:
                after[key] = made
        return CONTENTS.number(after)

    def _asked_for(self, content: int) -> frozenset[str]:
        """Names whose emptiness somebody asked for."""
        return tombstoned(content)


class Frontends:
    """The frontend's step, on numbers."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.take = cache(self._take)

    def _take(
        self,
        served: tuple[int, int, int, int] | None,
        aside: tuple[int, int, int] | None,
        message: tuple[int, int, int, int],
        parent: int,
    ) -> tuple[tuple[int, int, int, int] | None, tuple[int, int, int] | None, bool]:
        refused = None
        if aside is not None:
            refused = Refused(_snapshot(aside), Finding(Rule.EMPTIED, "as before"), 0.0)
        state = CellState(CELL, None if served is None else _served(served), refused)
        position = _position(message[0], message[1], message[2])
        tree = CONTENTS.tree(message[2])
        event: Event = BaseArrived(0.0, position, tree)
        if parent >= 0 and state.head is not None:
            changed, removed = state.head.tree.difference(tree)
            event = DeltaArrived(0.0, position, parent, changed, removed)
        after, effects = self.rules.frontend(state, event, FRONTEND_RULES)
        said = any(isinstance(e, Acknowledge) and e.finding is not None for e in effects)
        return (
            None if after.served is None else (*_numbers(after.served), _held(after.served)),
            None if after.refused is None else _numbers(after.refused.snapshot),
            said,
        )


def _snapshot(at: tuple[int, int, int]) -> Snapshot:
    return Snapshot(_position(*at), CONTENTS.tree(at[2]))


def _served(at: tuple[int, int, int, int]) -> Snapshot:
    held = CONTENTS.tree(at[3])
    return Snapshot(_position(*at[:3]), CONTENTS.tree(at[2]), dict(held))


def _held(snapshot: Snapshot) -> int:
    return CONTENTS.number(
        {key: Entry(CODEC.decode(each.body), each.body) for key, each in snapshot.held.items()}
    )


def _position(epoch: int, generation: int, content: int) -> CellPosition:
    tree = CONTENTS.tree(content)
    return CellPosition(CELL, REGION, epoch, generation, tree.digest, 0)


def _numbers(snapshot: Snapshot) -> tuple[int, int, int]:
    return (*snapshot.order, CONTENTS.of_digest(snapshot.tree.digest))


@cache
def _key(key: str) -> ServiceKey:
    namespace, _, id_ = key.partition("/")
    return ServiceKey(NamespaceId(namespace), ServiceId(id_))
