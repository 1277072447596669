"""An ordinary DNS client of each region at each frontend, asking as long as the demo runs."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence, Set

from sheetanchor.cli.demo.question import ask, asking_from
from sheetanchor.cli.demo.site import NAME, Region
from sheetanchor.cli.demo.track import Track

INTERVAL_SECONDS = 0.01


class Watcher:
    """Asks every frontend as a client of every region, each 10 ms by a socket of its own."""

    def __init__(self, regions: Sequence[Region]) -> None:
        self._clients = [(frontend, view) for frontend in regions for view in regions]
        self._over = False
        self.tracks = tuple(Track(frontend.name, view.name) for frontend, view in self._clients)

    def __repr__(self) -> str:
        return f"<Watcher of {NAME}, {sum(track.queries for track in self.tracks)} asked>"

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Ask, and write down, as long as the block runs."""
        clients = [
            asyncio.create_task(self._ask_on(frontend, view, track))
            for (frontend, view), track in zip(self._clients, self.tracks, strict=True)
        ]
        try:
            yield
        finally:
            # dnspython waits by asyncio.wait_for, which up to Python 3.11 swallows a cancellation
            # that comes together with the answer: the word must be left for them, too
            self._over = True
            for client in clients:
                client.cancel()
            for ended in await asyncio.gather(*clients, return_exceptions=True):
                if isinstance(ended, Exception):
                    raise ended

    async def _ask_on(self, frontend: Region, view: Region, track: Track) -> None:
        async with asking_from(view.client) as sock:
            due = time.monotonic()
            while not self._over:
                await ask(sock, frontend.dns_port, NAME, track)
                # a late answer makes the next question late, and none is made up for
                due = max(due + INTERVAL_SECONDS, time.monotonic())
                await asyncio.sleep(due - time.monotonic())

    async def home(self) -> bool:
        """Whether every client is answered with all of its own region's instances by now."""
        for frontend, view in self._clients:
            track = Track(frontend.name, view.name)
            async with asking_from(view.client) as sock:
                await ask(sock, frontend.dns_port, NAME, track)
            if track.present != view.addresses:
                return False
        return True

    def home_since(self) -> float | None:
        """Since when every client has had all of its own region's instances; None: not now."""
        moments = [0.0]
        for (_, view), track in zip(self._clients, self.tracks, strict=True):
            since = track.within_since(view.addresses)
            if since is None or track.present != view.addresses:
                return None
            moments.append(track.changes[-1][0])
        return max(moments)

    def within_since(self, allowed: Set[str]) -> float | None:
        """Since when no answer to anybody has held anything but `allowed`; None: not now."""
        moments = [track.within_since(allowed) for track in self.tracks]
        known = [moment for moment in moments if moment is not None]
        return max(known) if len(known) == len(moments) else None
