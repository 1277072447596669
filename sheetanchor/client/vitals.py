"""What an application says of its own health, asked often and kept."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable

_log = logging.getLogger(__name__)

HealthCallback = Callable[[], bool | Awaitable[bool]]
"""Whether the instance can serve. A plain function is called in a thread, a coroutine
function in the event loop. Raising means no; not answering in time changes nothing."""

ANSWER_TIMEOUT_SECONDS = 5.0


class Vitals:
    """Asks a health callback again and again, and tells when the answer changes."""

    def __init__(
        self,
        callback: HealthCallback | None,
        interval_seconds: float,
        changed: Callable[[], None],
        timeout_seconds: float = ANSWER_TIMEOUT_SECONDS,
    ) -> None:
        self._callback = callback
        self._interval_seconds = interval_seconds
        self._changed = changed
        self._timeout_seconds = timeout_seconds
        self._serving = True

    def __repr__(self) -> str:
        return f"Vitals(serving={self._serving})"

    @property
    def serving(self) -> bool:
        """The last answer; True before the first."""
        return self._serving

    def set(self, serving: bool) -> None:
        """Take over an answer."""
        if serving != self._serving:
            self._serving = serving
            self._changed()

    async def watch(self) -> None:
        """Ask for ever; returns at once when there is no callback."""
        if self._callback is None:
            return
        pending: asyncio.Future[bool] | None = None
        while True:
            # a callback that hangs is asked no second time until it has answered
            pending = pending or asyncio.ensure_future(self._ask(self._callback))
            done, _ = await asyncio.wait({pending}, timeout=self._timeout_seconds)
            if done:
                self.set(pending.result())
                pending = None
            else:
                _log.warning(
                    "the health callback has not answered for %g s; its last answer holds",
                    self._timeout_seconds,
                )
            await asyncio.sleep(self._interval_seconds)

    async def _ask(self, callback: HealthCallback) -> bool:
        try:
            if inspect.iscoroutinefunction(callback):
                return bool(await callback())
            answer = await asyncio.to_thread(callback)
            if inspect.isawaitable(answer):
                answer = await answer
            return bool(answer)
        except Exception:
            if self._serving:  # say it once, not every second
                _log.exception("the health callback raised, which means: not serving")
            return False
