"""Registering, draining and deregistering instances."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from registry.app.committer import Committer
from registry.app.heartbeats import renewal_interval_seconds
from registry.app.leasekeeper import Leasekeeper
from registry.domain.admission import BATCH_LIMIT, Draft, admit
from registry.domain.audit import Deed
from registry.domain.errors import FieldViolation, InvalidField, RegistryError, ServiceFull
from registry.domain.instance import Instance, Override
from registry.domain.names import CellName, Incarnation, InstanceKey, RegionName, Revision
from registry.domain.occupancy import Occupancy, Promise
from registry.domain.operation import (
    DecideRemoval,
    Deregister,
    Done,
    Drain,
    Outcome,
    Refused,
    Register,
    Renewed,
)
from registry.ports import Clock


@dataclass(frozen=True, slots=True)
class Registered:
    """A registration that is durable, and its lease."""

    instance: Instance
    ttl_seconds: float
    renewal_interval_seconds: float
    """When to renew first, spread at random."""
    expire_time_ms: int
    """When the lease ends if not renewed, Unix milliseconds; may be later, never earlier."""
    revision: Revision


class Registrar:
    """The door for owners of instances. `cells` are this registry's, with their regions."""

    def __init__(
        self,
        committer: Committer,
        keeper: Leasekeeper,
        clock: Clock,
        cells: Mapping[CellName, RegionName],
        occupancy: Occupancy,
        new_uid: Callable[[], str],
        random: Callable[[], float],
    ) -> None:
        self._occupancy = occupancy
        self._committer = committer
        self._keeper = keeper
        self._clock = clock
        self._cells = cells
        self._new_uid = new_uid
        self._random = random

    async def register(self, draft: Draft, traceparent: str = "") -> Registered:
        """Register one instance durably.

        Raises InvalidField, RequestIdReused, IncarnationSuperseded (a late retry of a
        registration that is no more), LeaseExpired (a retry of one that has run out),
        ServiceFull, Overloaded, StoreUnavailable.
        """
        operation = self._operation(draft, "", traceparent)
        promise = self._occupancy.promise(operation.registration)
        try:
            outcome, revision = await self._committer.submit(operation)
        finally:
            self._occupancy.release(promise)
        return self._registered(outcome, revision)

    async def register_batch(
        self, drafts: Sequence[Draft], traceparent: str = ""
    ) -> tuple[list[Registered | RegistryError], Revision]:
        """Register many; each stands or falls by itself, in order.

        All drafts that share a name are refused, since nobody can tell which was meant.
        Raises InvalidField unless there are 1 to 100; Overloaded, StoreUnavailable for all.
        """
        if not 1 <= len(drafts) <= BATCH_LIMIT:
            raise InvalidField(
                FieldViolation("requests", f"must be 1 to {BATCH_LIMIT}, are {len(drafts)}")
            )
        names = Counter((draft.parent, draft.instance_id) for draft in drafts)
        answers: list[Registered | RegistryError | None] = [None] * len(drafts)
        operations: dict[int, Register] = {}
        promises: list[Promise] = []
        try:
            for at, draft in enumerate(drafts):
                prefix = f"requests[{at}]."
                try:
                    operation = self._operation(draft, prefix, traceparent)
                    _check_only(draft, names, prefix)
                    promises.append(self._occupancy.promise(operation.registration, prefix))
                except (InvalidField, ServiceFull) as error:
                    answers[at] = error
                else:
                    operations[at] = operation
            committed = await self._committer.submit_all(list(operations.values()))
        finally:
            for promise in promises:
                self._occupancy.release(promise)
        for at, outcome in zip(operations, committed.outcomes, strict=True):
            try:
                answers[at] = self._registered(outcome, committed.revision)
            except RegistryError as error:
                answers[at] = error
        return [answer for answer in answers if answer is not None], committed.revision

    async def deregister(
        self, key: InstanceKey, incarnation: Incarnation, traceparent: str = ""
    ) -> Revision:
        """Take an instance out; again is no error.

        Raises IncarnationSuperseded, InstanceNotFound, Overloaded, StoreUnavailable.
        """
        outcome, revision = await self._committer.submit(Deregister(key, incarnation, traceparent))
        _done(outcome)
        return revision

    async def drain(
        self, key: InstanceKey, incarnation: Incarnation, traceparent: str = ""
    ) -> tuple[Instance, Revision]:
        """Send no new clients to an instance; again is no error.

        Raises IncarnationSuperseded, InstanceNotFound, LeaseExpired, Overloaded,
        StoreUnavailable.
        """
        outcome, revision = await self._committer.submit(Drain(key, incarnation, traceparent))
        return _present(_done(outcome)), revision

    async def decide_removal(
        self,
        key: InstanceKey,
        incarnation: Incarnation,
        override: Override,
        deed: Deed | None = None,
    ) -> Instance:
        """Record what an operator decided on the removal of an instance from answers (I8).

        Raises IncarnationSuperseded, InstanceNotFound, Overloaded, StoreUnavailable.
        """
        outcome, _ = await self._committer.submit(DecideRemoval(key, incarnation, override, deed))
        return _present(_done(outcome))

    def _operation(self, draft: Draft, prefix: str, traceparent: str) -> Register:
        return Register(
            registration=admit(draft, self._cells, prefix),
            incarnation=Incarnation(self._new_uid()),
            request_id=draft.request_id.lower(),
            traceparent=traceparent,
            path=prefix,
        )

    def _registered(self, outcome: Outcome, revision: Revision) -> Registered:
        instance = _present(_done(outcome))
        ttl_seconds = instance.registration.ttl_seconds
        remaining_seconds = self._keeper.remaining_seconds(instance.incarnation)
        if remaining_seconds is None:
            remaining_seconds = ttl_seconds
        return Registered(
            instance=instance,
            ttl_seconds=ttl_seconds,
            renewal_interval_seconds=renewal_interval_seconds(ttl_seconds, self._random()),
            expire_time_ms=self._clock.unix_ms() + round(remaining_seconds * 1000),
            revision=revision,
        )


def _check_only(draft: Draft, names: Mapping[tuple[str, str], int], prefix: str) -> None:
    times = names[draft.parent, draft.instance_id]
    if times > 1:
        raise InvalidField(
            FieldViolation(
                f"{prefix}instance_id",
                f"{draft.parent}/instances/{draft.instance_id} is in the batch {times} times; "
                "send it once",
            )
        )


def _done(outcome: Outcome) -> Done:
    match outcome:
        case Done():
            return outcome
        case Refused():
            raise outcome.error
        case Renewed():
            raise AssertionError("only an Expire is answered so")
        case _:
            assert_never(outcome)


def _present(done: Done) -> Instance:
    assert done.instance is not None, "only a removal leaves nothing"
    return done.instance
