"""Group commit: whatever was asked for while the last transaction ran goes into the next.

So a durable commit costs each caller a share of one. Who comes alone is served at once;
where many come at a time, a commit is followed by a short rest in which they gather
(`domain/rest.py`). The queue is bounded: past the bound a caller is told so at once (I24).
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass

from registry import telemetry
from registry.app.alarm import Alarm
from registry.app.mirror import Mirror
from registry.app.uptime import Uptime
from registry.domain.errors import Overloaded, RegistryError, StoreUnavailable
from registry.domain.names import Revision
from registry.domain.occupancy import Occupancy
from registry.domain.operation import Applied, Done, Fence, Operation, Outcome, Refused
from registry.domain.rest import GRACE, commit_rest
from registry.ports import Clock, Store

log = logging.getLogger(__name__)

QUEUE_LIMIT = 4096
"""Operations that may wait."""
GROUP_LIMIT = 512
"""Operations that one transaction takes, so that it stays short; a caller's own stay together."""


@dataclass(frozen=True, slots=True)
class Committed:
    """What became of a caller's operations, in order, and the revision that shows it."""

    outcomes: tuple[Outcome, ...]
    revision: Revision


@dataclass(frozen=True, slots=True, eq=False)
class _Request:
    operations: tuple[Operation, ...]
    fence: Fence | None
    result: asyncio.Future[Committed]


class Committer:
    """The one way of instance operations into the store."""

    def __init__(
        self,
        store: Store,
        mirror: Mirror,
        clock: Clock,
        uptime: Uptime,
        occupancy: Occupancy,
        *,
        queue_limit: int = QUEUE_LIMIT,
        group_limit: int = GROUP_LIMIT,
    ) -> None:
        self._store = store
        self._mirror = mirror
        self._clock = clock
        self._uptime = uptime
        self._occupancy = occupancy
        self._queue_limit = queue_limit
        self._group_limit = group_limit
        self._queue: deque[_Request] = deque()
        self._waiting = 0
        self._wanted = asyncio.Event()
        self._full = Alarm(clock)
        self._answered = 0
        """Callers of the last commit."""
        self._rest_until = float("-inf")
        self._grace_seconds = 0.0
        self._closing = False

    def __repr__(self) -> str:
        return f"<Committer waiting={self._waiting}{' closing' if self._closing else ''}>"

    @property
    def waiting(self) -> int:
        """Operations that wait for the next transaction."""
        return self._waiting

    async def submit(self, operation: Operation) -> tuple[Outcome, Revision]:
        """Carry out one operation. Raises as `submit_all`."""
        committed = await self.submit_all((operation,))
        return committed.outcomes[0], committed.revision

    async def submit_all(
        self, operations: Sequence[Operation], fence: Fence | None = None
    ) -> Committed:
        """Carry out operations in order, in one transaction, and fold them into the mirror.

        A caller that goes away while it waits takes its operations along if they have not
        begun, and nobody else's. Raises Overloaded, StoreUnavailable, and LeadershipLost
        if `fence` is not the cell's; nothing was acknowledged then.
        """
        if not operations:
            return Committed((), self._mirror.revision)
        if self._closing:
            raise _closing()
        self._uptime.check_answering()
        # An empty queue takes any one request, so that no size of one can starve it.
        if self._waiting and self._waiting + len(operations) > self._queue_limit:
            raise Overloaded(
                f"{self._waiting} operations wait already. Try again shortly.",
                retry_after_seconds=1.0,
                waiting=self._waiting,
                limit=self._queue_limit,
            )
        result: asyncio.Future[Committed] = asyncio.get_running_loop().create_future()
        self._queue.append(_Request(tuple(operations), fence, result))
        self._waiting += len(operations)
        self._wanted.set()
        if self._is_full or len(self._queue) == self._answered:
            self._full.ring()
        return await result

    async def run(self) -> None:
        """Commit group after group, until `close`."""
        while True:
            await self._wanted.wait()
            await self._rest()
            group = self._take()
            if group:
                await self._commit(group)
            elif self._closing:
                return
            else:
                self._wanted.clear()

    def close(self) -> None:
        """Take no more; `run` ends when what was taken is done."""
        self._closing = True
        self._wanted.set()
        self._full.ring()

    @property
    def _is_full(self) -> bool:
        """Whether a whole group waits."""
        return self._waiting >= self._group_limit

    async def _rest(self) -> None:
        until, is_grace = self._rest_until, False
        while not (self._is_full or self._closing):
            now = self._clock.monotonic()
            if now >= until:
                return
            if not is_grace and len(self._queue) >= self._answered:
                is_grace = True
                until = min(until, now + self._grace_seconds)
            await self._full.wait(until - now)

    def _take(self) -> list[_Request]:
        group: list[_Request] = []
        size = 0
        while self._queue:
            request = self._queue[0]
            if request.result.done():
                self._drop()
                continue
            if group and (
                size + len(request.operations) > self._group_limit
                or request.fence != group[0].fence
            ):
                break
            self._drop()
            group.append(request)
            size += len(request.operations)
        return group

    def _drop(self) -> None:
        self._waiting -= len(self._queue.popleft().operations)

    async def _commit(self, group: list[_Request]) -> None:
        operations = [operation for request in group for operation in request.operations]
        tally = self._occupancy.tally(operations, self._mirror.revision)
        begun = self._clock.monotonic()
        try:
            with self._uptime.asking():
                applied = await self._store.apply(operations, group[0].fence, tally)
        except StoreUnavailable as error:
            # Those still in the queue would only find out the same, one timeout after another.
            _fail([*group, *self._queue], error)
            return
        except RegistryError as error:
            _fail(group, error)
            return
        except asyncio.CancelledError:
            _fail([*group, *self._queue], _closing())
            raise
        except Exception as error:
            await self._isolate(group, error)
            return
        ended = self._clock.monotonic()
        self._answered = len(group)
        self._rest_until = ended + commit_rest(ended - begun, len(group))
        self._grace_seconds = GRACE * (ended - begun)
        telemetry.commit_duration.record(ended - begun)
        telemetry.commit_size.record(len(operations))
        self._mirror.absorb(applied.changes, applied.revision)
        _settle(group, applied)

    async def _isolate(self, group: list[_Request], error: Exception) -> None:
        # The transaction was rolled back whole. One bad operation must hurt its own caller
        # only (I11), so each gets a transaction of its own; what was done already is a replay.
        if len(group) == 1:
            log.error("an operation cannot be stored", exc_info=error)
            _fail(group, error)
            return
        for request in group:
            await self._commit([request])


def _settle(group: Sequence[_Request], applied: Applied) -> None:
    at = 0
    counted: Counter[tuple[str, str]] = Counter()
    for request in group:
        outcomes = applied.outcomes[at : at + len(request.operations)]
        at += len(request.operations)
        counted.update(
            (type(operation).__name__.lower(), _word(outcome))
            for operation, outcome in zip(request.operations, outcomes, strict=True)
        )
        if not request.result.done():
            request.result.set_result(Committed(outcomes, applied.revision))
    # once a group: one call of an instrument costs more than deciding an operation
    for (kind, word), times in counted.items():
        telemetry.operations.add(times, {"kind": kind, "outcome": word})


def _fail(requests: Sequence[_Request], error: Exception) -> None:
    for request in requests:
        if not request.result.done():
            request.result.set_exception(error)
            # A caller that has gone away is not there to look at it.
            request.result.exception()


def _word(outcome: Outcome) -> str:
    match outcome:
        case Done(replayed=True):
            return "replayed"
        case Done():
            return "done"
        case Refused():
            return type(outcome.error).__name__
        case _:
            return "renewed"


def _closing() -> StoreUnavailable:
    return StoreUnavailable(
        "this registry node is going down. Try another one.", retry_after_seconds=1.0
    )
