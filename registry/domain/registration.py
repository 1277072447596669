"""What an operation on an instance does to it, decided on the rows as they stand.

The store calls `decide` inside its writing transaction, so nothing that a decision rests on
can have changed by the time it is written. No decision depends on a clock: `now_ms` is
only ever recorded (I36).

A removed or replaced incarnation leaves a *grave*: a delayed retry of its registration
must not resurrect it, and a repeated deregistration must still succeed (I37).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from registry.domain.change import InstancePut, InstanceRemoved
from registry.domain.errors import (
    IncarnationSuperseded,
    InstanceNotFound,
    LeaseExpired,
    RegistryError,
    RequestIdReused,
)
from registry.domain.grave import Grave, bury
from registry.domain.health import Evidence, Health
from registry.domain.instance import CheckKind, Instance, Override, State
from registry.domain.keeping import vanity
from registry.domain.names import InstanceKey, Revision
from registry.domain.operation import (
    DecideRemoval,
    Deregister,
    Done,
    Drain,
    Expire,
    Judge,
    Operation,
    Outcome,
    Reap,
    Refused,
    Register,
    Renewed,
)
from registry.domain.place import places_of


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to answer, and what to write: all of it, or nothing, in one transaction."""

    outcome: Outcome
    change: InstancePut | InstanceRemoved | None = None
    """None: write nothing, allocate no revision."""
    grave: Grave | None = None
    """To be kept beside the change: the incarnation that the change removes or replaces."""


def decide(
    operation: Operation,
    current: Instance | None,
    graves: Sequence[Grave],
    renewals: int,
    revision: Revision,
    now_ms: int,
) -> Verdict:
    """Decide one operation on the instance that `operation.key` names.

    `current` is its row if there is one, `graves` those of the same key, `renewals` how
    often the row's lease has been renewed (0 without one), `revision` the number that
    a change is to carry. An instance made here has it as the number of its lease as well: only
    one registration can have it.
    """
    if isinstance(operation, Register):
        return _register(operation, current, graves, revision, now_ms)
    if current is None or current.incarnation != operation.incarnation:
        return _without_row(operation, current, graves)
    match operation:
        case Deregister():
            return _remove(current, revision, now_ms, operation.traceparent)
        case Drain():
            return _drain(operation, current, revision, now_ms)
        case Expire():
            return _expire(operation, current, renewals, revision, now_ms)
        case Reap():
            # Only a new incarnation leads out of EXPIRED, so any other state means that
            # the caller is mistaken; an instance is never taken out by mistake.
            if current.state is not State.EXPIRED:
                return Verdict(Done(current, replayed=True))
            return _remove(current, revision, now_ms, "")
        case Judge():
            return _judge(operation, current, revision, now_ms)
        case DecideRemoval():
            if operation.override is current.override:
                return Verdict(Done(current, replayed=True))
            if (vain := vanity(operation.override, current)) is not None:
                return _refused(vain)
            return _put(replace(current, override=operation.override, revision=revision), "")
        case _:
            assert_never(operation)


# Register
#
#   request id          current row                  grave   result
#   ------------------  ---------------------------  ------  ------------------------------
#   any                 made by this very operation  -       replay (the store tried twice)
#   equal to current's  same content, lease alive    -       replay
#   equal to current's  same content, EXPIRED        -       LeaseExpired
#   equal to current's  other content                -       RequestIdReused
#   any                 another, or none             yes     IncarnationSuperseded (I37)
#   other, or empty     any or none                  no      a new incarnation
#
# A grave counts if it is of the same request, or of this very operation tried twice.
def _register(
    operation: Register,
    current: Instance | None,
    graves: Sequence[Grave],
    revision: Revision,
    now_ms: int,
) -> Verdict:
    if current is not None and current.incarnation == operation.incarnation:
        return Verdict(Done(current, replayed=True))
    if (
        current is not None
        and operation.request_id
        and (current.request_id == operation.request_id)
    ):
        return _repeat(operation, current)
    if any(_recalls(grave, operation) for grave in graves):
        return _refused(
            IncarnationSuperseded(
                f"this registration of {operation.key} was carried out already, and taken out or "
                "replaced since. To register anew send a new request_id.",
                request_id=operation.request_id,
                name=str(operation.key),
            )
        )
    health, evidence, health_time_ms = _first_health(operation, current, now_ms)
    instance = Instance(
        registration=operation.registration,
        incarnation=operation.incarnation,
        request_id=operation.request_id,
        state=State.ACTIVE,
        health=health,
        evidence=evidence,
        health_time_ms=health_time_ms,
        create_time_ms=now_ms,
        state_time_ms=now_ms,
        revision=revision,
        lease_id=revision,
    )
    return Verdict(
        Done(instance),
        InstancePut(revision, instance, operation.traceparent),
        None if current is None else bury(current, now_ms, places_of(instance)),
    )


def _repeat(operation: Register, current: Instance) -> Verdict:
    if current.registration != operation.registration:
        return _refused(
            RequestIdReused(
                f"request_id {operation.request_id} has registered {current.key} with other "
                "content. Send a new request_id with the new content.",
                request_id=operation.request_id,
                name=str(current.key),
            )
        )
    if current.state is State.EXPIRED:
        return _refused(
            LeaseExpired(
                f"the registration of {current.key} by request_id {operation.request_id} has "
                "run out. Register again with a new request_id.",
                request_id=operation.request_id,
                uid=current.incarnation,
            )
        )
    return Verdict(Done(current, replayed=True))


# Health of a new incarnation
#
#   current row                                        check  health
#   -------------------------------------------------  -----  -----------------------------
#   ACTIVE, HEALTHY, equal addresses, ports and check  any    as it is: nothing new to prove
#   anything else, or none                             NONE   HEALTHY, by the lease alone
#   anything else, or none                             other  UNKNOWN: not served yet (I27)
def _first_health(
    operation: Register, current: Instance | None, now_ms: int
) -> tuple[Health, Evidence, int]:
    wanted = operation.registration
    if (
        current is not None
        and current.state is State.ACTIVE
        and current.health is Health.HEALTHY
        and current.registration.addresses == wanted.addresses
        and current.registration.ports == wanted.ports
        and current.registration.check == wanted.check
    ):
        return current.health, current.evidence, current.health_time_ms
    if wanted.check.kind is CheckKind.NONE:
        return Health.HEALTHY, Evidence.LEASE_RENEWED, now_ms
    return Health.UNKNOWN, Evidence.NONE, now_ms


# No row of that incarnation
#
#   operation   row           grave of it  result
#   ----------  ------------  -----------  -------------------------------
#   any         other uid     -            IncarnationSuperseded (I37)
#   Deregister  none          yes          replay: it is gone, as was asked
#   any other   none          yes          InstanceNotFound
#   any         none          no           InstanceNotFound
def _without_row(
    operation: Deregister | Drain | Expire | Reap | Judge | DecideRemoval,
    current: Instance | None,
    graves: Sequence[Grave],
) -> Verdict:
    if current is not None:
        return _refused(
            IncarnationSuperseded(
                f"{operation.key} is now incarnation {current.incarnation}; "
                f"{operation.incarnation} has no say any more. Stop, or register again.",
                name=str(operation.key),
                uid=operation.incarnation,
                current_uid=current.incarnation,
            )
        )
    if isinstance(operation, Deregister) and any(
        _belongs(grave, operation.key) and grave.incarnation == operation.incarnation
        for grave in graves
    ):
        return Verdict(Done(None, replayed=True))
    return _refused(
        InstanceNotFound(
            f"{operation.key} does not exist: it was never registered, or is gone. "
            "Register it first.",
            name=str(operation.key),
            uid=operation.incarnation,
        )
    )


# Drain
#
#   state     result
#   --------  ------------------------------------------
#   ACTIVE    DRAINING, health DRAINING, at its owner's word
#   DRAINING  replay
#   EXPIRED   LeaseExpired: nobody is left to be drained
def _drain(operation: Drain, current: Instance, revision: Revision, now_ms: int) -> Verdict:
    match current.state:
        case State.ACTIVE:
            return _put(
                replace(
                    current,
                    state=State.DRAINING,
                    state_time_ms=now_ms,
                    health=Health.DRAINING,
                    evidence=Evidence.DEREGISTERED,
                    health_time_ms=now_ms,
                    revision=revision,
                ),
                operation.traceparent,
            )
        case State.DRAINING:
            return Verdict(Done(current, replayed=True))
        case State.EXPIRED:
            return _refused(
                LeaseExpired(
                    f"the lease of {current.key} ran out, so there is nothing to drain. "
                    "Deregister it, or register again.",
                    name=str(current.key),
                    uid=current.incarnation,
                )
            )
        case _:
            assert_never(current.state)


# Expire
#
#   state             renewals      result
#   ----------------  ------------  ---------------------------------------------------------
#   EXPIRED           any           replay
#   ACTIVE, DRAINING  as seen       EXPIRED, health UNHEALTHY; the store deletes the lease row
#   ACTIVE, DRAINING  not as seen   Renewed: a renewal was acknowledged that the caller missed
def _expire(
    operation: Expire, current: Instance, renewals: int, revision: Revision, now_ms: int
) -> Verdict:
    if current.state is State.EXPIRED:
        return Verdict(Done(current, replayed=True))
    if renewals != operation.renewals:
        return Verdict(Renewed(renewals))
    return _put(
        replace(
            current,
            state=State.EXPIRED,
            state_time_ms=now_ms,
            health=Health.UNHEALTHY,
            evidence=Evidence.LEASE_EXPIRED,
            override=_decided(Health.UNHEALTHY, current),
            health_time_ms=now_ms,
            revision=revision,
        ),
        "",
    )


# Judge
#
#   state              evidence now   new evidence        result
#   -----------------  -------------  ------------------  -----------------------------------
#   DRAINING, EXPIRED  any            any                 nothing: their health is settled
#   ACTIVE             as judged, health too              nothing
#   ACTIVE             WITHDRAWN      NONE, WITHDRAWN,    as judged: the owner's own word
#                                     LEASE_RENEWED
#   ACTIVE             WITHDRAWN      any other           nothing: a probe cannot know better
#                                                         than the owner
#   ACTIVE             any other      NONE                nothing: only the owner's "not
#                                                         serving" can be taken back
#   ACTIVE             any other      any other           as judged
def _judge(operation: Judge, current: Instance, revision: Revision, now_ms: int) -> Verdict:
    unserving = current.evidence is Evidence.WITHDRAWN
    owners_word = operation.evidence in _OWNERS_WORD
    moot = (
        current.state is not State.ACTIVE
        or (operation.health is current.health and operation.evidence is current.evidence)
        or (unserving and not owners_word)
        or (not unserving and operation.evidence is Evidence.NONE)
    )
    if moot:
        return Verdict(Done(current, replayed=True))
    return _put(
        replace(
            current,
            health=operation.health,
            evidence=operation.evidence,
            override=_decided(operation.health, current),
            health_time_ms=(
                current.health_time_ms if operation.health is current.health else now_ms
            ),
            revision=revision,
        ),
        "",
    )


def _decided(health: Health, current: Instance) -> Override:
    """What stays decided: a decision on a removal is about this illness, not the next one.

    One to remove that came when the instance had just got well again is about none.
    """
    late = current.health is Health.HEALTHY and current.override is Override.REMOVE
    return Override.NONE if late or health is Health.HEALTHY else current.override


_OWNERS_WORD = frozenset({Evidence.NONE, Evidence.WITHDRAWN, Evidence.LEASE_RENEWED})


def _belongs(grave: Grave, key: InstanceKey) -> bool:
    return grave.key == key


def _recalls(grave: Grave, operation: Register) -> bool:
    return _belongs(grave, operation.key) and (
        grave.incarnation == operation.incarnation
        or (operation.request_id != "" and grave.request_id == operation.request_id)
    )


def _remove(current: Instance, revision: Revision, now_ms: int, traceparent: str) -> Verdict:
    return Verdict(
        Done(None),
        InstanceRemoved(revision, current.key, current.cell, traceparent),
        bury(current, now_ms),
    )


def _put(instance: Instance, traceparent: str) -> Verdict:
    return Verdict(Done(instance), InstancePut(instance.revision, instance, traceparent))


def _refused(error: RegistryError) -> Verdict:
    return Verdict(Refused(error))
