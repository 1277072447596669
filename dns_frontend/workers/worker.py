"""A worker as a process: it answers what its frontend answers, and knows nothing else.

Its arguments are its number and its frontend, for who looks at `ps`; two descriptors, the channel
and the table of rates; and the process that started it, which ends it: by word, by closing the
channel, or by its own end, however that comes. So no worker ever answers from what nobody keeps
up to date.

Imports neither gRPC nor SQL, nor telemetry: what is to be logged or counted is sent to the
frontend.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import mmap
import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import replace

from dns_frontend.feed.answering import Answering
from dns_frontend.feed.record import DamagedError
from dns_frontend.feed.staging import Staging
from dns_frontend.plan.view import ClientRegions
from dns_frontend.plan.zone import ZoneSettings
from dns_frontend.server.commons import Commons
from dns_frontend.server.counters import Counters
from dns_frontend.server.listener import Listener
from dns_frontend.server.rates import Rates
from dns_frontend.server.responder import Responder
from dns_frontend.server.secret import Secrets
from dns_frontend.server.sharing import Sharing
from dns_frontend.wire.table import AnswerTable
from dns_frontend.workers.channel import Channel, ChannelClosed
from dns_frontend.workers.frame import Frame, FrameError, Kind
from dns_frontend.workers.log import ChannelHandler
from dns_frontend.workers.retelling import change_of, letter
from dns_frontend.workers.terms import Terms, unpacked
from sheetanchor.collector import Collector

log = logging.getLogger(__name__)

REPORT_SECONDS = 1.0
"""How often what was counted is told; a worker that is killed takes that much with it."""
_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15


class Worker:
    """Hears of changes, makes them, says so. For one event loop."""

    def __init__(
        self,
        channel: Channel,
        terms: Terms,
        rates: memoryview,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        settings = self._settings = terms.settings
        self._terms = terms
        self._channel = channel
        self._heard = asyncio.Event()
        self._told_to_stop = False
        self._clock = clock
        self._heard_at = clock()
        self._counters = Counters()
        self._commons = Commons(
            Secrets(None, time.monotonic, time.time),
            Rates(terms.answering.rates, terms.seed, rates.cast("d") if rates else None),
        )
        self._zone = ZoneSettings(
            settings.zone,
            (settings.advertise_address,),
            reverse_networks=settings.reverse_networks,
            networks=settings.networks,
        )
        self._listener: Listener | None = None
        self._collector = Collector()
        self._collecting: asyncio.Task[None] | None = None
        self._is_fresh = True
        """Whether the table that changes are made to is not answered from yet."""
        self._table, self._answering = self._afresh()

    def __repr__(self) -> str:
        return f"<Worker {self._terms.worker} of {self._settings.frontend_id} {self._table!r}>"

    async def run(self) -> None:
        """Work until told to stop, or until there is nobody to work for."""
        self._channel.listen(self._heard.set)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop)
        reporting = asyncio.create_task(self._report())
        try:
            while await self._hear():
                pass
        except ChannelClosed:
            # without the frontend nothing is kept up to date, and its address is another's
            log.info("the frontend is gone")
        finally:
            reporting.cancel()
            if self._collecting is not None:
                self._collecting.cancel()
            if self._listener is not None:
                self._listener.stop()

    def _stop(self) -> None:
        self._told_to_stop = True
        self._heard.set()

    async def _hear(self) -> bool:
        """Take what comes next; whether to go on."""
        if self._told_to_stop:
            return False
        # queries come first, however much is told
        await asyncio.sleep(0)
        try:
            frame = self._channel.receive()
        except FrameError as error:
            self._doubt(str(error))
            return True
        if frame is None:
            self._heard.clear()
            await self._heard.wait()
            return True
        self._heard_at = self._clock()
        if frame.kind is Kind.STOP:
            return False
        if await self._take(frame) and not self._is_fresh:
            self._channel.put(letter(Kind.SERVED, {"number": frame.number}))
        return True

    async def _take(self, frame: Frame) -> bool:
        """Do what a frame says; whether it is done."""
        match frame.kind:
            case Kind.AFRESH:
                self._is_fresh = True
                self._table, self._answering = self._afresh()
            case Kind.SECRETS:
                fixed = tuple(bytes.fromhex(each) for each in frame.head["fixed"])
                self._commons.secrets.take((fixed, bytes.fromhex(frame.head["seed"])))
            case Kind.SERVE:
                await self._serve()
            case _:
                return await self._follow(frame)
        return True

    async def _follow(self, frame: Frame) -> bool:
        try:
            if frame.kind in (Kind.BEGUN, Kind.MOVED):
                # a whole cell is verified beside the answering
                change = await asyncio.to_thread(change_of, frame, dict(self._answering.now))
            else:
                change = change_of(frame, self._answering.now)
            reason = self._answering.follow(change)
        except (FrameError, DamagedError) as error:
            reason = str(error)
        if reason:
            self._doubt(reason)
        return not reason

    def _afresh(self) -> tuple[AnswerTable, Answering]:
        settings = self._settings
        table = AnswerTable(self._zone, settings.region, settings.regions)
        staging = Staging(settings.role)
        return table, Answering(settings.frontend_id, table, staging, time.monotonic, time.time)

    async def _serve(self) -> None:
        zone = self._table.zone
        responder = Responder(
            self._table,
            ClientRegions(zone.settings.networks),
            self._counters,
            self._terms.answering,
            commons=self._commons,
        )
        zone.heed = lambda new: responder.clients.place(ClientRegions(new.networks))
        self._is_fresh = False
        listener = self._listener
        if listener is not None:
            listener.answer_from(responder)
            self._table.recompilation.between = listener.answer_waiting
            return
        listener = Listener(responder)
        await listener.start(self._settings.host, self._terms.port, Sharing.NEXT)
        self._listener = listener
        self._table.recompilation.between = listener.answer_waiting
        self._collector.begin()
        self._collecting = asyncio.create_task(self._collector.run())

    def _doubt(self, reason: str) -> None:
        """Ask for all. What was answered before is answered until it is there."""
        self._channel.skip()
        self._channel.put(letter(Kind.DOUBT, {"reason": reason[:1000]}))

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            # to one that reads nothing the next report says the same and more
            if not len(self._channel):
                self._channel.put(letter(Kind.COUNTED, self._counters.told()))
            silence = self._clock() - self._heard_at
            marks = self._answering.marks
            regions = frozenset(each.region for each in self._table.cells.values())
            if silence > self._settings.stale_seconds and marks.stale != regions:
                log.warning("the frontend says nothing; all answers are marked as stale")
                self._answering.follow(replace(marks, stale=regions))


async def work(end: socket.socket, rates: int) -> None:
    """Be told the terms, and work by them."""
    channel = Channel(end)
    told = asyncio.Event()
    channel.listen(told.set)
    await told.wait()
    frame = channel.receive()
    if frame is None or frame.kind is not Kind.TERMS:
        raise FrameError(f"{frame!r} is no beginning")
    terms = unpacked(bytes(frame.body))
    root = logging.getLogger()
    root.setLevel(terms.log_level)
    root.addHandler(ChannelHandler(channel))
    size = os.fstat(rates).st_size
    shared = memoryview(mmap.mmap(rates, size) if size else b"")
    await Worker(channel, terms, shared).run()


def main(arguments: list[str]) -> None:
    """Work until told to stop."""
    worker, _frontend, *numbers = arguments
    channel, rates, parent = map(int, numbers)
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    # the kernel ends this process with the one that started it, whatever state both are in
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # `top` and `pgrep` show 15 octets, and `python3` would say nothing
    prctl(_PR_SET_NAME, ctypes.c_char_p(f"sheetanchor-{worker}".encode()), 0, 0, 0)
    if os.getppid() != parent:
        return
    # Ctrl-C reaches all processes at a terminal; the frontend tells when to stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end = socket.socket(fileno=channel)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(work(end, rates))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:  # not made for every platform
        return asyncio.new_event_loop
    return uvloop.new_event_loop
