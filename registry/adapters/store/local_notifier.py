"""Notices within one process: all that a database needs which no other process writes to."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

from registry.domain.notice import Notice, Topic

log = logging.getLogger(__name__)

Listener = Callable[[Notice], None]


class LocalNotifier:
    """`registry.ports.Notifier` for the loops of this process alone."""

    is_listening = False
    """Whatever another process commits is found by polling."""

    def __init__(self) -> None:
        self._listeners: dict[object, tuple[frozenset[Topic], Listener]] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} listeners={len(self._listeners)}>"

    def subscribe(self, topics: Collection[Topic], listener: Listener) -> Callable[[], None]:
        """Call `listener` with each notice of these topics; returns how to stop that."""
        token = object()
        self._listeners[token] = (frozenset(topics) | {Topic.MISSED}, listener)

        def unsubscribe() -> None:
            self._listeners.pop(token, None)

        return unsubscribe

    def tell(self, notice: Notice) -> None:
        """Wake the loops of this process."""
        for topics, listener in tuple(self._listeners.values()):
            if notice.topic not in topics:
                continue
            try:
                listener(notice)
            except Exception:
                # The commit stands, and the other loops are to hear of it (I11).
                log.exception("a listener of notices failed", extra={"notice": str(notice)})

    async def run(self) -> None:
        """Nothing to listen to."""
