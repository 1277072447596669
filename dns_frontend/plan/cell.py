"""One cell at this frontend: from what the registry says to what is served.

`step(state, event, limits)` decides and returns the next state with the effects to
carry out, in order. Nothing here does anything. What it upholds: a position never goes
back (I1), content is what its digest says (I6), the guard stands between what is
published and what is served (I7, I9), and what is refused changes no answer.

A verified generation that the guard refuses is kept aside as the head, and the chain is
followed on it: the first generation that is acceptable against what is *served* is
served. So a refusal heals by itself, and costs no whole generation to be sent again.

Names that a generation lost or emptied by accident are no reason to refuse it, unless they
are many: they are held as they were (`holding`). Nor are endpoints that leave too fast: they
stay in their names' answers, one by one (`velocity`). The chain is verified without them; what
is answered, and kept on disk, is the generation and what is held.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from dns_frontend.plan.cell_event import (
    Acknowledge,
    BaseArrived,
    CheckpointArrived,
    DeltaArrived,
    Doubt,
    Effect,
    Event,
    Ignore,
    Persist,
    PinLifted,
    PinPlaced,
    Resync,
    Serve,
    ServeFailed,
    Snapshot,
    TakeBack,
    Vanity,
)
from dns_frontend.plan.cell_state import CellState, Refused
from dns_frontend.plan.digest import Difference, EntryTree
from dns_frontend.plan.guard import Finding, Rule, bounds_of, judge
from dns_frontend.plan.holding import Held, held_over, turn
from dns_frontend.plan.rules import Rules
from dns_frontend.plan.velocity import Slowing, is_due, is_slowed, restrain

__all__ = [
    "Acknowledge",
    "BaseArrived",
    "CellState",
    "CheckpointArrived",
    "DeltaArrived",
    "Doubt",
    "Effect",
    "Event",
    "Ignore",
    "Persist",
    "PinLifted",
    "PinPlaced",
    "Refused",
    "Resync",
    "Rules",
    "Serve",
    "ServeFailed",
    "Snapshot",
    "TakeBack",
    "Vanity",
    "step",
]


Step = tuple[CellState, tuple[Effect, ...]]
_REASON_CHARACTERS = 400
_READ_BEFORE = 32
"""Entries that a step may change to be read one by one before it; of more, not all are
remembered."""


def step(state: CellState, event: Event, rules: Rules) -> Step:
    """What `event` makes of `state`, and what is to be done about it, in order."""
    match event:
        case BaseArrived():
            return _on_base(state, event, rules)
        case DeltaArrived():
            return _on_delta(state, event, rules)
        case CheckpointArrived():
            return _on_checkpoint(state, event, rules)
        case PinPlaced():
            return _on_pin(state, event, rules)
        case PinLifted():
            return _on_lift(state, event, rules)
        case ServeFailed():
            return _on_failure(state, event, rules)
        case _:
            assert_never(event)


def _on_base(state: CellState, event: BaseArrived, rules: Rules) -> Step:
    """Positions are compared as (epoch, generation).

    head     base                          step
    any      digest wrong                  refuse, ask again
    none     right                         consider it
    (e, g)   lower                         refuse (I1)
    (e, g)   equal, same digest            confirmed
    (e, g)   equal, other digest           refuse: content never changes (I6)
    (e, g)   higher                        consider it
    """
    position, head = event.position, state.head
    if event.tree.digest != position.digest:
        finding = Finding(Rule.DIGEST, f"content has digest {event.tree.digest.hex()}")
        return state, (Acknowledge(position, finding), Resync(Doubt.DIGEST))
    order = (position.epoch, position.generation)
    if head is not None and order < head.order:
        finding = Finding(Rule.OLDER, f"behind epoch {head.order[0]} generation {head.order[1]}")
        return state, (Acknowledge(position, finding),)
    if head is not None and order == head.order:
        if position.digest != head.position.digest:
            finding = Finding(Rule.CONFLICT, f"seen with digest {head.position.digest.hex()}")
            return state, (Acknowledge(position, finding),)
        return _confirm(state, head, event.now, rules, again=True)
    # generations between were never seen here, so growth is measured per generation
    steps = max(1, position.generation - head.position.generation) if head else 1
    return _consider(state, Snapshot(position, event.tree), event.now, steps, rules)


def _on_delta(state: CellState, event: DeltaArrived, rules: Rules) -> Step:
    """Only the direct successor of the head is taken.

    head      delta                              step
    none      any                                ask for a base
    (e, g)    (epoch, generation) <= (e, g)      ignore: old, or of a deposed leader (I1)
    (e, g)    epoch < e                          ignore: of a deposed leader
    (e, g)    parent is not g                    ask for a base
    (e, g)    digest wrong                       refuse, ask for a base
    (e, g)    else                               consider it
    """
    position, head = event.position, state.head
    if head is None:
        return state, (Resync(Doubt.NO_BASE),)
    if position.epoch < head.position.epoch:
        return state, (Ignore(Vanity.DEPOSED),)
    if (position.epoch, position.generation) <= head.order:
        return state, (Ignore(Vanity.OLD),)
    if event.parent_generation != head.position.generation:
        return state, (Resync(Doubt.GAP),)
    if len(event.changed) <= _READ_BEFORE:
        for key in event.changed:
            # the reader remembers what it has just read, and takes half as long as the step
            head.tree.get(key)
            rules.between()
    tree = head.tree.replace(event.changed, event.removed, rules.between)
    rules.between()
    if tree.digest != position.digest:
        finding = Finding(Rule.DIGEST, f"content has digest {tree.digest.hex()}")
        return state, (Acknowledge(position, finding), Resync(Doubt.DIGEST))
    return _consider(state, Snapshot(position, tree), event.now, 1, rules)


def _on_checkpoint(state: CellState, event: CheckpointArrived, rules: Rules) -> Step:
    """A checkpoint proves freshness, or that something was missed.

    head      checkpoint          step
    none      generation 0        nothing: the cell has no plan yet
    none      any other           ask for a base
    (e, g)    lower               ignore: a registry that lags
    (e, g)    equal               confirmed
    (e, g)    higher              ask for a base
    """
    head, order = state.head, (event.epoch, event.generation)
    if head is None:
        return state, (Resync(Doubt.NO_BASE),) if event.generation else ()
    if order < head.order:
        return state, (Ignore(Vanity.LAGGING),)
    # a new leader brings a higher epoch before it has anything to publish
    if event.generation != head.position.generation:
        return state, (Resync(Doubt.GAP),)
    return _confirm(state, head, event.now, rules, again=False)


def _on_pin(state: CellState, event: PinPlaced, rules: Rules) -> Step:
    """Break the glass: an operator's word is taken at once, but within bounds (I9).

        served     pinned content         step
        any        beyond the limits      refuse it, nothing changes
        nothing    else                   serve it
        something  else                   serve it; the head is kept aside

    The position never goes back (I1): older content is served where the chain stands. Names
    that the content lacks are not emptied (I7): the ledger keeps what it knew of them. It
    is not persisted as the chain's; the pin itself is a file, and found again.
    """
    pinned, head = event.snapshot, state.head
    finding = bounds_of(pinned.tree, rules.limits, pinned.held)
    if finding is not None:
        return state, (Acknowledge(pinned.position, finding),)
    position = pinned.position
    if state.served is not None and pinned.order < state.served.order:
        epoch, generation = state.served.order
        position = replace(position, epoch=epoch, generation=generation)
    served = Snapshot(position, pinned.tree, pinned.held)
    refused = None
    effects: list[Effect] = [_serve(state.served, served)]
    if head is not None:
        refused = Refused(head, _pinned(event.reason), event.now)
        effects.append(Acknowledge(head.position, refused.finding))
    before = state.before if state.pin else state.served
    after = CellState(state.cell, served, refused, event.reason, before, state.confirmed_at)
    return after, tuple(effects)


def _on_lift(state: CellState, event: PinLifted, rules: Rules) -> Step:
    """Go on with the chain.

    before the pin  chain since     its head, judged against before   step
    any             (not pinned)    -                                 nothing
    nothing         nothing         -                                 the pin's content stays
    nothing         a head          acceptable                        serve the head
    something       unmoved         -                                 serve what was before
    something       a new head      acceptable                        serve the head
    something       a new head      refused                           serve what was before
    """
    if not state.pin:
        return state, ()
    before, head = state.before, state.head
    if state.refused is None or head is None:
        return replace(state, pin=""), ()
    # judged as if there had been no pin, whose content may have names that the chain never had
    unpinned = CellState(state.cell, served=before, confirmed_at=state.confirmed_at)
    effects: tuple[Effect, ...]
    if before is not None and head.order == before.order:
        after, effects = unpinned, ()
    else:
        after, effects = _consider(unpinned, head, event.now, 1, rules)
    return after, _from_pin(state.served, after.served, effects)


def _on_failure(state: CellState, event: ServeFailed, rules: Rules) -> Step:
    """What cannot be answered from is as good as refused, though it passed the guard.

        served now       step
        what failed      go back to what was answered before; it is kept aside as the head
        a newer one      go back, and consider the newer one as from there
        a pin            give it up, and go back to what the chain had before it

    The position of what is answered never went further (I1). It stays refused, also when it
    is sent again: only another generation is tried, and a new life of this frontend.
    """
    failed, served = event.failed, state.served
    finding = Finding(Rule.UNSERVABLE, event.reason[:_REASON_CHARACTERS])
    told = Acknowledge(failed.position, finding)
    if state.pin:
        before, refused = state.before, state.refused
        if refused is not None:
            refused = Refused(refused.snapshot, finding, event.now, waits=True)
            if before is not None and refused.snapshot.order == before.order:
                refused = None
        after = CellState(state.cell, before, refused, confirmed_at=state.confirmed_at)
        return after, (told, TakeBack(before))
    back = CellState(state.cell, event.before, confirmed_at=state.confirmed_at)
    refused = Refused(replace(failed, held={}), finding, event.now)
    if served is None or served.order <= failed.order:
        return replace(back, refused=refused), (told, TakeBack(event.before))
    # it waits for its turn like any that comes after a failure
    newer = Refused(replace(served, held={}), finding, event.now, waits=True)
    return replace(back, refused=newer), (told, TakeBack(event.before))


def _from_pin(
    pinned: Snapshot | None, target: Snapshot | None, effects: tuple[Effect, ...]
) -> tuple[Effect, ...]:
    """The effects, with the step to `target` made from what the pin served."""
    if pinned is None or target is None:
        return effects
    serve = _serve(pinned, target)
    if not any(isinstance(effect, Serve) for effect in effects):
        return (serve, *effects)
    return tuple(serve if isinstance(effect, Serve) else effect for effect in effects)


def _pinned(reason: str) -> Finding:
    return Finding(Rule.PINNED, reason)


def _confirm(state: CellState, head: Snapshot, now: float, rules: Rules, *, again: bool) -> Step:
    """The head is the head still: what is served is fresh, or what is refused is tried again.

    `again`: the registry sent it again, so it may not know what became of it.
    """
    refused = state.refused
    if refused is None:
        if not state.pin and is_due(state.pace, head.held, now, rules.suspicion_seconds):
            return _consider(state, replace(head, held={}), now, 1, rules)
        effects = (Acknowledge(head.position, None, head.held),) if again else ()
        return replace(state, confirmed_at=now), effects
    waited = now - refused.since
    if (refused.finding.may_pass and waited >= rules.suspicion_seconds) or (
        refused.waits and waited >= rules.retry_seconds
    ):
        return _consider(state, refused.snapshot, now, 1, rules)
    return state, (Acknowledge(head.position, refused.finding),) if again else ()


def _consider(state: CellState, candidate: Snapshot, now: float, steps: int, rules: Rules) -> Step:
    """Serve a verified generation, or keep it aside."""
    if state.pin:
        refused = Refused(candidate, _pinned(state.pin), now)
        return replace(state, refused=refused), (Acknowledge(candidate.position, refused.finding),)
    served, before = state.served, state.refused
    if (
        before is not None
        and before.finding.rule is Rule.UNSERVABLE
        and now - before.since < rules.retry_seconds
    ):
        refused = replace(before, snapshot=candidate, waits=True)
        return replace(state, refused=refused), (Acknowledge(candidate.position, before.finding),)
    old, already = (served.tree, served.held) if served else (EntryTree(), {})
    difference = old.difference(candidate.tree)
    lost = held_over(old, already, candidate.tree, difference)
    rules.between()
    slowing = _slowed(state, candidate, difference, lost, now, steps, rules)
    finding = judge(
        served.tree if served else None,
        candidate.tree,
        difference,
        steps,
        rules.limits,
        already={key: kept for key, kept in already.items() if not is_slowed(kept.entry)},
        held=lost,
        slowed=slowing.held,
    )
    if finding is not None:
        since = now
        if state.refused is not None and state.refused.finding.rule is finding.rule:
            since = state.refused.since
        if not (finding.may_pass and now - since >= rules.suspicion_seconds):
            if finding.rule is Rule.LIMIT:
                # not even kept aside: each step on it could make it larger still (I9)
                return state, (Acknowledge(candidate.position, finding),)
            refused = Refused(candidate, finding, since)
            return replace(state, refused=refused), (Acknowledge(candidate.position, finding),)
    held = dict(sorted((lost | slowing.held).items()))
    accepted = replace(candidate, held=held)
    return (
        CellState(state.cell, accepted, confirmed_at=now, pace=slowing.pace),
        (
            Persist(accepted, served, *difference),
            _serve(served, accepted, difference),
            Acknowledge(accepted.position, None, held),
        ),
    )


def _slowed(
    state: CellState,
    new: Snapshot,
    step: Difference,
    lost: Held,
    now: float,
    steps: int,
    rules: Rules,
) -> Slowing:
    served = state.served
    if served is None or rules.merge is None:
        return Slowing({}, state.pace)
    return restrain(
        served.tree,
        served.held,
        new.tree,
        step,
        lost,
        state.pace,
        # generations that were refused since are steps as well
        steps=max(steps, new.position.generation - served.position.generation),
        now=now,
        hold_seconds=rules.suspicion_seconds,
        limits=rules.velocity,
        merge=rules.merge,
    )


def _serve(old: Snapshot | None, new: Snapshot, step: Difference | None = None) -> Serve:
    if old is None:
        return Serve(new, *EntryTree().difference(new.tree), whole=True, held=new.held)
    changed, removed, held = turn(old.tree, old.held, new.tree, new.held, step)
    return Serve(new, changed, removed, whole=False, held=held)
