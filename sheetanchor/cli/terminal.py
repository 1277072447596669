"""The terminal that a command is run at, and who of us its keys reach.

A terminal sends Ctrl-C to its whole foreground process group. A command in our group would be
dead before its clients were turned away, so it gets a group of its own, in the background:
Ctrl-C, Ctrl-\\ and Ctrl-Z reach us alone, and we pass them on when their time has come.

A command that reads the terminal is stopped by it there (SIGTTIN). Then it gets the foreground,
and with it the keys: what Ctrl-C means is its own affair from there on, as with any program
that one types into.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator


class Terminal:
    """Our controlling terminal, in whose foreground we are."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lent_to = 0

    def __repr__(self) -> str:
        return f"<Terminal lent to group {self._lent_to}>" if self._lent_to else "<Terminal>"

    @classmethod
    def ours(cls) -> Terminal | None:
        """The terminal whose Ctrl-C would reach us now; None without one."""
        try:
            descriptor = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError:
            return None
        found = cls(descriptor)
        if found._in_foreground():
            return found
        os.close(descriptor)
        return None

    @classmethod
    def in_front(cls) -> bool:
        """Whether Ctrl-C at the terminal reaches us now."""
        terminal = cls.ours()
        if terminal is not None:
            terminal.close()
        return terminal is not None

    def child_stopped(self, process_id: int) -> None:
        """See why the child, which leads its own group, was stopped, if it was."""
        with contextlib.suppress(ChildProcessError):
            # asks for stops only: its end is for others to collect
            seen = os.waitid(os.P_PID, process_id, os.WSTOPPED | os.WNOHANG)
            if seen is None:
                return
            if seen.si_status in (signal.SIGTTIN, signal.SIGTTOU):
                self._lent_to = process_id
                if self._in_foreground():
                    self._hand_to(process_id)
                    _signal_group(process_id, signal.SIGCONT)
                else:
                    # our whole job is in the background, and waits for the shell's `fg`
                    self.suspend(process_id)
            elif seen.si_status == signal.SIGTSTP and self._lent_to:
                self.suspend(process_id)

    def suspend(self, process_id: int) -> None:
        """Ctrl-Z: stop with the child, and go on with it when the shell says so."""
        self._take_back()
        _signal_group(process_id, signal.SIGTSTP)
        os.kill(os.getpid(), signal.SIGSTOP)
        if self._lent_to and self._in_foreground():
            self._hand_to(process_id)
        _signal_group(process_id, signal.SIGCONT)

    def close(self) -> None:
        """Take the foreground back from a child that is gone."""
        self._take_back()
        os.close(self._descriptor)

    def _in_foreground(self) -> bool:
        with contextlib.suppress(OSError):
            return os.tcgetpgrp(self._descriptor) == os.getpgrp()
        return False

    def _take_back(self) -> None:
        with contextlib.suppress(OSError):
            if self._lent_to and os.tcgetpgrp(self._descriptor) == self._lent_to:
                self._hand_to(os.getpgrp())

    def _hand_to(self, group: int) -> None:
        with _deaf_to(signal.SIGTTOU), contextlib.suppress(OSError):
            os.tcsetpgrp(self._descriptor, group)


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


@contextlib.contextmanager
def _deaf_to(number: signal.Signals) -> Iterator[None]:
    """The kernel stops who sets the foreground from the background, unless it ignores that."""
    before = signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(number, before)
