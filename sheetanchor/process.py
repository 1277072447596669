"""A server as a process: its event loop, its signals, its status page, its telemetry.

The same for every server of the project, so that all of them start, say that they
are ready, drain and end alike.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import resource
import signal
from collections.abc import Callable
from typing import Protocol

from sheetanchor.collector import Collector
from sheetanchor.telemetry import StatusPage, TelemetrySettings, configure, flush

log = logging.getLogger(__name__)

YOUNG_OBJECTS = 20_000
"""New objects, less those freed, after which cycles are looked for among them. They are few,
since nearly all is freed by counting; at Python's own 700 the search was a tenth of what a
registration costs, and at this number it takes about a millisecond."""

_ENDING = (signal.SIGTERM, signal.SIGINT)


class Server(Protocol):
    """What can be run as a process."""

    async def start(self) -> None:
        """Return when it serves. Cleans up after itself when it raises or is cancelled."""
        ...

    async def stop(self) -> None:
        """Return when all that was acknowledged is safe."""
        ...


def run(
    make: Callable[[], Server],
    telemetry: TelemetrySettings,
    *,
    status: StatusPage | None = None,
    collector: Collector | None = None,
) -> None:
    """Run the server that `make` gives, called inside the loop, until SIGTERM or SIGINT.

    A second signal ends the process at once. `status` is started and stopped with it. With a
    `collector` that decides when to look for garbage, and Python does not.
    Raises what `start` raises.
    """
    configure(telemetry)
    _raise_descriptor_limit()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(make, status, collector))
    flush()


def _raise_descriptor_limit() -> None:
    # The soft limit is low for the sake of `select`, which nothing here uses.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _serve(
    make: Callable[[], Server], status: StatusPage | None, collector: Collector | None = None
) -> None:
    loop = asyncio.get_running_loop()
    told = asyncio.Event()

    def tell(number: int) -> None:
        log.info("told to stop", extra={"signal": signal.Signals(number).name})
        told.set()
        # whoever sends a second one, of either kind, does not want to wait
        for each in _ENDING:
            loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)

    for number in _ENDING:
        loop.add_signal_handler(number, tell, number)
    waiting = asyncio.create_task(told.wait())
    collecting: asyncio.Task[None] | None = None
    try:
        if status is not None:
            # before the server has checks of its own, having none must not pass for being ready
            status.add_check("start", lambda: "not started yet")
            status.start()
        server = make()
        starting = asyncio.create_task(server.start())
        await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await starting
            return
        await starting
        if status is not None:
            status.remove_check("start")
        # What was read at the start stays. Unless told so, the collector goes through all of it
        # now and then while everything waits (measured: 70 to 100 ms at 10,000 instances).
        if collector is None:
            gc.collect()
            gc.freeze()
            gc.set_threshold(YOUNG_OBJECTS)
        else:
            collector.begin()
            collecting = asyncio.create_task(collector.run())
        await waiting
        if status is not None:
            status.drain()
        await server.stop()
    finally:
        waiting.cancel()
        if collecting is not None:
            collecting.cancel()
        if status is not None:
            status.stop()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:  # not made for every platform
        return asyncio.new_event_loop
    # a tenth of a small call's time (measured: 280 us to 250 us)
    return uvloop.new_event_loop
