"""The workers of one frontend: started, told, counted, and started again when they end.

A worker is told of every change that is made to the answers here (feed/change.py), in its
order, and says how far it is. What a registry hears of a generation waits until all workers
are that far (I1: what is said to be served is served by all). One that falls behind is told
all from the beginning, one that does nothing is ended, one that ended is started again; the
kernel gives its clients to the others meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import mmap
import os
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import SystemRandom

from dns_frontend import telemetry
from dns_frontend.config import FrontendSettings
from dns_frontend.feed import base
from dns_frontend.feed.answering import Answering
from dns_frontend.feed.change import Begun, Change, Moved
from dns_frontend.plan.cell import Snapshot
from dns_frontend.server.commons import Commons
from dns_frontend.server.counters import Counters
from dns_frontend.server.rates import SLOTS, Rates
from dns_frontend.server.secret import Secrets
from dns_frontend.server.settings import ServerSettings
from dns_frontend.workers.channel import Channel, Letter
from dns_frontend.workers.frame import Kind
from dns_frontend.workers.link import Link
from dns_frontend.workers.memory import Memory, shared
from dns_frontend.workers.retelling import letter, letter_of
from dns_frontend.workers.terms import Terms

log = logging.getLogger(__name__)

BACKOFF_SECONDS = 0.1
"""From the first end of a worker to its next start; doubles with each."""
BACKOFF_MAXIMUM_SECONDS = 10.0
WELL_SECONDS = 30.0
"""A worker that lived so long begins with the first pause again."""
STOP_SECONDS = 5.0
_WORKER = Path(__file__).with_name("worker_process.py")
"""Of the code of this process, from wherever it was imported."""


class Crew:
    """All workers but the first, which is this process. For one event loop; a `Relay`."""

    def __init__(
        self,
        settings: FrontendSettings,
        answering: ServerSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises OSError or ValueError when the cookie secrets cannot be used."""
        self._settings = settings
        self._clock = clock
        self.answering = replace(answering, tcp=answering.tcp.share(settings.workers))
        """The share of each, this process included."""
        self._seed = SystemRandom().getrandbits(64)
        self._descriptor = shared(8 * SLOTS)
        rates = memoryview(mmap.mmap(self._descriptor, 8 * SLOTS)).cast("d")
        self._secrets = Secrets(answering.cookie_secrets, time.monotonic, time.time)
        self._told = self._secrets.told()
        self.commons = Commons(self._secrets, Rates(answering.rates, self._seed, rates))
        self._state: Answering | None = None
        self._port = 0
        self._links: dict[int, Link] = {}
        self._counters = {worker: Counters() for worker in range(1, settings.workers)}
        self._waiting: deque[tuple[Callable[[], None], dict[Link, int]]] = deque()
        self._placed: dict[str, tuple[Snapshot, asyncio.Task[Memory]]] = {}
        """By cell: what was placed of it last, so that workers that start together share it."""
        self._tasks: list[asyncio.Task[None]] = []
        self._begun = False
        """Whether all have answered at a time."""
        self._ends = 0
        self._resyncs = 0

    def __repr__(self) -> str:
        return f"<Crew of {self._settings.frontend_id}: {list(self._links.values())}>"

    # --- the relay ---------------------------------------------------------------------

    def tell(self, change: Change) -> None:
        """As `Relay.tell`."""
        if not self._links:
            return
        try:
            told = self._letter(change)
        except OSError as error:
            self._kill_all("what was done cannot be told", error)
        else:
            self._tell(told)

    def when_served(self, then: Callable[[], None]) -> None:
        """As `Relay.when_served`."""
        self._waiting.append((then, {link: link.number for link in self._links.values()}))
        self._settle()

    def _settle(self) -> None:
        while self._waiting:
            then, numbers = self._waiting[0]
            links = self._links
            # who has ended answers nothing; who began since began with all of it
            if any(links.get(e.worker) is e and e.done < n for e, n in numbers.items()):
                return
            self._waiting.popleft()
            then()
        if len(self._links) == len(self._counters):
            self._begun = self._begun or all(link.serves for link in self._links.values())

    def _tell(self, told: Letter) -> None:
        for link in list(self._links.values()):
            link.tell(told)

    def _letter(self, change: Change) -> Letter:
        made = letter_of(change)
        if isinstance(change, Begun | Moved):
            placing = self._place(change.snapshot)
            placing.add_done_callback(lambda done: self._is_placed(made, done))
        return made

    # --- whole cells -------------------------------------------------------------------

    def _place(self, snapshot: Snapshot) -> asyncio.Task[Memory]:
        cell = snapshot.position.cell
        known = self._placed.get(cell)
        if known is None or known[0] is not snapshot:
            placing = asyncio.create_task(asyncio.to_thread(Memory, base.encode(snapshot)))
            known = self._placed[cell] = (snapshot, placing)
        return known[1]

    def _is_placed(self, made: Letter, done: asyncio.Task[Memory]) -> None:
        if done.cancelled():
            return
        if (error := done.exception()) is not None:
            self._placed.clear()
            self._kill_all("a cell cannot be given to the workers", error)
            return
        made.body = done.result()
        for link in self._links.values():
            link.pump()

    def _kill_all(self, what: str, error: BaseException) -> None:
        """None may answer from what was before: they begin again, with all of it."""
        log.error(what, extra={"error": repr(error)})
        for link in self._links.values():
            link.kill(what)

    def _all(self) -> Iterator[Letter]:
        assert self._state is not None, "it was started"
        yield self._secret_letter()
        for change in self._state.all():
            yield self._letter(change)

    def _secret_letter(self) -> Letter:
        fixed, seed = self._told
        head = {"fixed": [each.hex() for each in fixed], "seed": seed.hex()}
        return letter(Kind.SECRETS, head)

    # --- their lives -------------------------------------------------------------------

    def start(self, answering: Answering, port: int) -> None:
        """Start all workers, who answer at `port` what is answered from `answering`."""
        self._state = answering
        self._port = port
        self._tasks = [asyncio.create_task(self._keep(worker)) for worker in self._counters]

    async def stop(self) -> None:
        """End all workers in order. Harmless twice."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        links, self._links = list(self._links.values()), {}
        await asyncio.gather(*(link.stop(STOP_SECONDS) for link in links))
        for link in links:
            await link.ended()
        for _, placing in self._placed.values():
            placing.cancel()
        self._placed = {}
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def tick(self) -> None:
        """To be called about once a second."""
        told = self._secrets.told()
        if told != self._told:
            self._told = told
            self._tell(self._secret_letter())
        for link in list(self._links.values()):
            link.tick()

    async def _keep(self, worker: int) -> None:
        pause = BACKOFF_SECONDS
        while True:
            since = self._clock()
            try:
                link = await self._spawn(worker)
            except OSError as error:
                log.error("a worker cannot be started", extra={"error": str(error)})
            else:
                code = await self._live(link)
                self._ends += 1
                log.error(
                    "a worker has ended, and is started again",
                    extra={"worker": worker, "code": code},
                )
            if self._clock() - since > WELL_SECONDS:
                pause = BACKOFF_SECONDS
            await asyncio.sleep(pause)
            pause = min(2 * pause, BACKOFF_MAXIMUM_SECONDS)

    async def _live(self, link: Link) -> int:
        self._links[link.worker] = link
        link.tell_all()
        code = await link.ended()
        del self._links[link.worker]
        self._resyncs += link.resyncs
        self._settle()
        return code

    async def _spawn(self, worker: int) -> Link:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        descriptors = (theirs.fileno(), self._descriptor)
        with theirs:
            try:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *("-P", str(_WORKER), str(worker), self._settings.frontend_id),
                    *map(str, (*descriptors, os.getpid())),
                    pass_fds=descriptors,
                    stdin=asyncio.subprocess.DEVNULL,
                )
            except BaseException:
                ours.close()
                raise
        channel = Channel(ours)
        terms = Terms(
            worker,
            self._settings,
            replace(self.answering, cookie_secrets=None),
            self._port,
            self._seed,
            logging.getLogger().getEffectiveLevel(),
        )
        channel.put(letter(Kind.TERMS, body=terms.packed()))
        counters = self._counters[worker]
        return Link(worker, process, channel, counters, self._all, self._settle, self._clock)

    # --- what is seen of them ----------------------------------------------------------

    def trouble(self) -> str:
        """Why the frontend is not ready; empty once all have answered at a time: a worker that
        ends after that takes away no more than its share (I15)."""
        if self._begun:
            return ""
        serving = sum(link.serves for link in self._links.values())
        return f"{serving} of {len(self._counters)} workers answer beside the first"

    def show(self) -> Callable[[], None]:
        """Show them in the metrics; returns how to withdraw."""
        frontend = {"frontend": self._settings.frontend_id}

        def serving() -> telemetry.Readings:
            yield 1 + sum(link.serves for link in [*self._links.values()]), frontend

        def ends() -> telemetry.Readings:
            yield self._ends, frontend

        def resyncs() -> telemetry.Readings:
            yield self._resyncs + sum(e.resyncs for e in [*self._links.values()]), frontend

        with contextlib.ExitStack() as withdrawals:
            for worker, counters in self._counters.items():
                withdrawals.callback(counters.show(self._settings.frontend_id, str(worker)))
            withdrawals.callback(telemetry.observe(telemetry.WORKERS, serving))
            withdrawals.callback(telemetry.observe(telemetry.WORKER_ENDS, ends))
            withdrawals.callback(telemetry.observe(telemetry.WORKER_RESYNCS, resyncs))
            return withdrawals.pop_all().close
