"""The time for which a lease is held from the shell: until a signal, or while a command runs.

The command is the service; the lease follows it. It is started even if no registry
answers, since a service must not wait for the system that announces it; it dies, and
the instance is deregistered at once; it is to end, and first its clients are turned away.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Callable, Sequence

from sheetanchor.cli.notice import Notice, notice
from sheetanchor.cli.terminal import Terminal
from sheetanchor.client import InvalidRequest, Registration, Standing, Status

FIRST_WORD_SECONDS = 2.0
"""How long a command waits for the registry's yes or no. A no is worth waiting for: it
keeps a command with a mistyped region from running unannounced."""
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
TYPED = (signal.SIGINT, signal.SIGQUIT)
"""What a terminal sends to all of its foreground when Ctrl-C or Ctrl-\\ is typed."""

OK, FAILED, REFUSED = 0, 1, 2
CANNOT_RUN, NOT_FOUND, SIGNALLED = 126, 127, 128
"""As a shell has them; `SIGNALLED` plus the number of the signal that ended a command."""

Say = Callable[[Notice], None]


class Tenure:
    """One registration, held from `run` on. Its exit code is the command's, if there is one."""

    def __init__(
        self,
        make: Callable[[Callable[[Standing], None]], Registration],
        command: Sequence[str],
        drain_seconds: float,
        say: Say,
    ) -> None:
        self._before = Standing(Status.NEW)
        self._say = say
        self._command = tuple(command)
        self._drain_seconds = drain_seconds
        self._settled = asyncio.Event()
        self._registration = make(self._changed)
        self._signals: asyncio.Queue[signal.Signals] = asyncio.Queue()
        self._process: asyncio.subprocess.Process | None = None
        self._terminal: Terminal | None = None

    def __repr__(self) -> str:
        return f"<Tenure of {self._registration!r} for {' '.join(self._command) or 'itself'}>"

    async def run(self) -> int:
        """Hold the lease; returns the exit code. Raises nothing that a registry caused."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._signals.put_nowait, number)
        signalled = asyncio.create_task(self._signals.get())
        try:
            if self._command:
                hindrance = _hindrance(self._command[0])
                if hindrance is not None:
                    return self._cannot_run(*hindrance)
            await self._registration.open()
            await self._first_word(signalled)
            standing = self._registration.standing
            if standing.status is Status.REFUSED and isinstance(standing.error, InvalidRequest):
                return REFUSED
            if self._command and not signalled.done():
                return await self._with_command(signalled)
            return await self._alone(signalled)
        finally:
            signalled.cancel()
            # whatever happened: what is registered and not served is deregistered
            await self._registration.close(drain_seconds=0)
            if self._terminal is not None:
                self._terminal.close()

    async def _first_word(self, signalled: asyncio.Task[signal.Signals]) -> None:
        settled = asyncio.create_task(self._settled.wait())
        patience = FIRST_WORD_SECONDS if self._command else None
        await asyncio.wait(
            {settled, signalled}, timeout=patience, return_when=asyncio.FIRST_COMPLETED
        )
        settled.cancel()

    async def _alone(self, signalled: asyncio.Task[signal.Signals]) -> int:
        ended = asyncio.create_task(self._registration.ended())
        await asyncio.wait({ended, signalled}, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            return FAILED
        ended.cancel()
        await self._drain(asyncio.create_task(self._signals.get()))
        return OK

    async def _with_command(self, signalled: asyncio.Task[signal.Signals]) -> int:
        self._terminal = Terminal.ours()
        try:
            # without a terminal it stays in our group, where a supervisor looks for it
            process = await asyncio.create_subprocess_exec(
                *self._command, process_group=None if self._terminal is None else 0
            )
        except OSError as error:
            code = NOT_FOUND if isinstance(error, FileNotFoundError) else CANNOT_RUN
            return self._cannot_run(code, error.strerror or type(error).__name__)
        self._process = process
        self._mind_the_terminal(process.pid)
        died = asyncio.create_task(process.wait())
        await asyncio.wait({died, signalled}, return_when=asyncio.FIRST_COMPLETED)
        if not died.done():
            # first out of DNS, then down: the command goes on serving who is late to notice
            number = signalled.result()
            again = asyncio.create_task(self._signals.get())
            await self._drain(died, again)
            await self._registration.close(drain_seconds=0)
            self._pass_on(number)
            while not died.done():
                await asyncio.wait({died, again}, return_when=asyncio.FIRST_COMPLETED)
                if again.done():
                    self._pass_on(again.result())
                    again = asyncio.create_task(self._signals.get())
            again.cancel()
        code = died.result()
        self._say(Notice("command-ended", f"{self._command[0]} ended with {_ending(code)}"))
        return code if code >= 0 else SIGNALLED - code

    async def _drain(self, *until: asyncio.Task[int] | asyncio.Task[signal.Signals]) -> None:
        """Turn clients away, for the time given or until one of `until` is done."""
        if self._drain_seconds <= 0:
            return
        # it waits for the answer to a registration that is under way
        await self._registration.drain()
        if not self._registration.uid:
            return
        await asyncio.wait(until, timeout=self._drain_seconds, return_when=asyncio.FIRST_COMPLETED)

    def _mind_the_terminal(self, process_id: int) -> None:
        terminal = self._terminal
        if terminal is not None:
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGCHLD, terminal.child_stopped, process_id)
            loop.add_signal_handler(signal.SIGTSTP, terminal.suspend, process_id)
            # it may have asked for the terminal before we listened
            terminal.child_stopped(process_id)

    def _pass_on(self, number: signal.Signals) -> None:
        """Send a signal on to the command; what a terminal sends, to all of its group."""
        if self._terminal is None and number in TYPED and Terminal.in_front():
            return  # `fg` has brought us there since, and the terminal has sent it to both
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                if self._terminal is not None and number is not signal.SIGTERM:
                    os.killpg(self._process.pid, number)
                else:
                    self._process.send_signal(number)

    def _cannot_run(self, code: int, why: str) -> int:
        self._say(Notice("command-failed", f"cannot run {self._command[0]}: {why}"))
        return code

    def _changed(self, standing: Standing) -> None:
        before, self._before = self._before, standing
        if standing.status not in (Status.NEW, Status.REGISTERING):
            self._settled.set()
        said = notice(self._registration.name, before, standing)
        if said is not None:
            self._say(said)


def _ending(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


def _hindrance(command: str) -> tuple[int, str] | None:
    """Why a command cannot be run, and the exit code for it, as POSIX shells find them."""
    if shutil.which(command) is not None:
        return None
    places = [""] if os.path.dirname(command) else os.get_exec_path()
    for path in (os.path.join(place, command) for place in places):
        if os.path.isfile(path):
            return CANNOT_RUN, "it is not executable"
        if path == command and os.path.exists(path):
            return CANNOT_RUN, "it is no file"
    return NOT_FOUND, "no such command"
