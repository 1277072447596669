"""One worker, as its frontend sees it: what it was told, what it has done, how it is."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable

from dns_frontend.server.counters import Counters
from dns_frontend.workers.channel import Channel, ChannelClosed, Letter
from dns_frontend.workers.frame import Frame, FrameError, Kind
from dns_frontend.workers.log import log_again

log = logging.getLogger(__name__)

WAITING_LETTERS = 4096
WAITING_OCTETS = 16 * 1024 * 1024
"""What may wait for a worker; one that is further behind is told all from the beginning."""
START_SECONDS = 60.0
"""A worker answers so soon after its start, or is ended."""
STALL_SECONDS = 10.0
"""What a worker was told it does within this time, or is ended: what it answers may be old."""
PAUSE_SECONDS = 5.0
"""A frontend that looked at its workers no sooner stood still itself."""
DOUBTS_MAXIMUM = 3
"""So often it is told all from the beginning; then it is ended."""


class Link:
    """For one event loop."""

    def __init__(
        self,
        worker: int,
        process: asyncio.subprocess.Process,
        channel: Channel,
        counters: Counters,
        afresh: Callable[[], Iterable[Letter]],
        settled: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        """`afresh` gives all that a worker has to be told; `settled` hears of what it has done."""
        self.worker = worker
        self.done = 0
        """All letters up to this number are done."""
        self.serves = False
        self.resyncs = 0
        self._process = process
        self._channel = channel
        self._counters = counters
        self._before = counters.told()
        self._afresh = afresh
        self._settled = settled
        self._clock = clock
        self._moved_at = self._looked_at = clock()
        self._doubts = 0
        self._is_killed = False
        channel.listen(self._heard)

    def __repr__(self) -> str:
        return f"<Link to worker {self.worker}, pid {self._process.pid}, {self._channel!r}>"

    @property
    def number(self) -> int:
        """What it has to have done to be where its frontend is: the last letter, and nothing that
        there is when it is to end."""
        return self._channel.number + self._is_killed

    # --- telling -----------------------------------------------------------------------

    def tell(self, letter: Letter) -> None:
        """Tell it something, or all if it is too far behind."""
        if self.done == self._channel.number:
            self._moved_at = self._clock()
        self._channel.put(letter)
        if len(self._channel) > WAITING_LETTERS or self._channel.octets > WAITING_OCTETS:
            self.resync("it is too far behind")

    def tell_all(self) -> None:
        """Tell it all from the beginning, and to answer from that; where that cannot be put into
        letters, end it."""
        try:
            letters = (Letter(Kind.AFRESH), *self._afresh(), Letter(Kind.SERVE))
        except OSError as error:
            self.kill(f"there is no room for what it has to be told: {error}")
            return
        for letter in letters:
            self._channel.put(letter)

    def resync(self, reason: str) -> None:
        """The same, in the place of what waits; too often means that it is ended."""
        self._doubts += 1
        log.warning("a worker is told all again", extra={"worker": self.worker, "reason": reason})
        if self._doubts > DOUBTS_MAXIMUM:
            self.kill("it cannot follow")
            return
        self.resyncs += 1
        self._channel.clear()
        self.tell_all()

    def pump(self) -> None:
        """Something that was being placed is there."""
        self._channel.pump()

    def tick(self) -> None:
        """Look whether it still does what it is told. To be called about once a second."""
        now = self._clock()
        if now - self._looked_at > PAUSE_SECONDS:
            # what was done meanwhile is not heard yet: our own pause is no evidence (I23)
            self._moved_at = now
        self._looked_at = now
        limit = STALL_SECONDS if self.serves else START_SECONDS
        if self.done != self._channel.number and now - self._moved_at > limit:
            self.kill(f"it did nothing for {limit:g} s")

    # --- hearing -----------------------------------------------------------------------

    def _heard(self) -> None:
        try:
            while (frame := self._channel.receive()) is not None:
                self._take(frame)
        except ChannelClosed:
            # its process is about to end, or has; nothing more comes this way
            self._channel.close()
        except FrameError as error:
            self.kill(str(error))

    def _take(self, frame: Frame) -> None:
        match frame.kind:
            case Kind.SERVED:
                self.done = int(frame.head["number"])
                self.serves = True
                self._moved_at = self._clock()
                if self.done == self._channel.number:
                    self._doubts = 0
                self._settled()
            case Kind.COUNTED:
                self._counters.take(frame.head, self._before)
            case Kind.LOGGED:
                log_again(frame, self.worker)
            case Kind.DOUBT:
                self.resync(str(frame.head["reason"]))
            case _:
                raise FrameError(f"{frame.kind.name} came from a worker")

    # --- its end -----------------------------------------------------------------------

    async def ended(self) -> int:
        """Wait for the end of its process; returns how it ended."""
        try:
            return await self._process.wait()
        finally:
            self.serves = False
            self._counters.tcp_open = 0
            self._channel.close()

    def kill(self, reason: str) -> None:
        """End it at once; its socket is closed then, and its clients are others'."""
        self._is_killed = True
        log.error("a worker is ended", extra={"worker": self.worker, "reason": reason})
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def stop(self, seconds: float) -> None:
        """Have it end in order, or end it after so long."""
        self._channel.put(Letter(Kind.STOP))
        try:
            async with asyncio.timeout(seconds):
                await self._process.wait()
        except TimeoutError:
            self.kill("it did not stop")
            await self._process.wait()
