"""The registration for code without an event loop: plain threads, WSGI, scripts."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from sheetanchor.client.standing import Standing, Status

if TYPE_CHECKING:
    from sheetanchor.client.registration import Registration

Result = TypeVar("Result")


class SyncRegistration:
    """A `Registration` kept by a thread of its own.

    >>> with Registration("checkout", region="east", addresses="10.0.0.7", ports=8080).sync():
    ...     serve()

    Enter it after forking, never before. `on_change` and a coroutine `health` are
    called in the thread of the lease.
    """

    def __init__(self, registration: Registration) -> None:
        self._registration = registration
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def __repr__(self) -> str:
        return f"Sync{self._registration!r}"

    @property
    def name(self) -> str:
        """The instance's resource name."""
        return self._registration.name

    @property
    def standing(self) -> Standing:
        """Where the registration stands now."""
        return self._registration.standing

    @property
    def status(self) -> Status:
        """What holds now."""
        return self._registration.status

    @property
    def uid(self) -> str:
        """The present incarnation; empty while there is none."""
        return self._registration.uid

    def set_serving(self, serving: bool) -> None:
        """Say whether the instance can serve; a change is reported at once. Any thread may."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._registration.set_serving, serving)

    def wait_ended(self, timeout: float | None = None) -> bool:
        """Wait until the registration has ended, at most `timeout` seconds; whether it has."""
        if self._loop is None:
            return self.status.final
        future = asyncio.run_coroutine_threadsafe(self._registration.ended(), self._loop)
        try:
            future.result(timeout)
        except TimeoutError:
            future.cancel()
            return False
        return True

    def __enter__(self) -> SyncRegistration:
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def open(self) -> None:
        """Register; what `with` does on entering. Raises SheetanchorError."""
        if self._thread is not None:
            raise RuntimeError(f"{self!r} cannot be entered twice")
        self._loop = asyncio.new_event_loop()
        # a daemon: an application that dies without leaving must not hang on its lease
        self._thread = threading.Thread(
            target=self._loop.run_forever, name=f"lease of {self.name}", daemon=True
        )
        self._thread.start()
        try:
            self._in_loop(self._registration.open())
        except BaseException:
            self._end()
            raise

    def close(self) -> None:
        """Drain, wait, deregister; what `with` does on leaving."""
        if self._loop is None:
            return
        try:
            self._in_loop(self._registration.close())
        finally:
            self._end()

    def _in_loop(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        assert self._loop is not None
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            # Ctrl-C while waiting: the coroutine must not go on behind our back
            future.cancel()
            raise

    def _end(self) -> None:
        loop, self._loop = self._loop, None
        if loop is None or self._thread is None:
            return
        asyncio.run_coroutine_threadsafe(_cancel_rest(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join()
        loop.close()


async def _cancel_rest() -> None:
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
