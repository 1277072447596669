"""Counts whom DNS answers with, name after name, again and again."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from itertools import pairwise
from math import inf
from typing import Any

from sheetanchor.cli.demo.question import ask, asking_from
from sheetanchor.cli.demo.track import Track

ROUND_SECONDS = 0.5
"""Each name is asked for once in this time."""


class Census:
    """What one frontend answers for many names. Times are monotonic seconds."""

    def __init__(self, port: int, client: str, names: Mapping[str, frozenset[str]]) -> None:
        """`names` and the addresses that each is to be answered with when all are well."""
        self._port = port
        self._client = client
        self._names = names
        self._over = False
        self.tracks = {name: Track("", name) for name in names}
        self.rounds = 0
        self._asked: dict[str, float] = {}
        """When each name was asked for last."""
        self._turns: dict[str, list[tuple[float, float]]] = {}
        """When each address came or went: after the first moment, by the second."""

    def __repr__(self) -> str:
        return f"<Census of {len(self._names)} names, {self.rounds} rounds>"

    @property
    def queries(self) -> int:
        """Questions asked."""
        return sum(track.queries for track in self.tracks.values())

    @property
    def empty(self) -> int:
        """Answers without an address."""
        return sum(len(track.empty) for track in self.tracks.values())

    @property
    def unanswered(self) -> int:
        """Questions without an answer."""
        return sum(len(track.unanswered) for track in self.tracks.values())

    @property
    def present(self) -> int:
        """Addresses in the last answers of all names."""
        return sum(len(track.present) for track in self.tracks.values())

    @property
    def complete(self) -> bool:
        """Whether each name was last answered with all that it has."""
        return all(self.tracks[name].present == all_ for name, all_ in self._names.items())

    def least_since(self, begin: float) -> int:
        """The fewest addresses of all names together that were to be had at one time."""
        level = sum(len(_at(track, begin)) for track in self.tracks.values())
        least = level
        for _, by in sorted(
            (at, len(after) - len(before))
            for track in self.tracks.values()
            for (_, before), (at, after) in pairwise(track.changes)
            if at > begin
        ):
            level += by
            least = min(least, level)
        return least

    def smallest_since(self, begin: float) -> int:
        """The fewest addresses that any one name was answered with."""
        return min(
            min([len(_at(track, begin)), *(len(s) for at, s in track.changes if at > begin)])
            for track in self.tracks.values()
        )

    def gone(self, addresses: frozenset[str]) -> frozenset[str]:
        """Those of `addresses` that no name is answered with now."""
        return addresses - {a for track in self.tracks.values() for a in track.present}

    def closest_turns(self) -> float:
        """How far apart, at least, any one address came and went; inf: none did so twice.

        What changed did so after the last answer that had it otherwise: the longest time that
        fits what was seen is taken, so that only what is certain is held against anybody.
        """
        closest = inf
        for turns in self._turns.values():
            for (before, _), (_, at) in pairwise(turns):
                closest = min(closest, at - before)
        return closest

    def forget_turns(self) -> None:
        """Count comings and goings from here on."""
        self._turns.clear()

    @contextlib.asynccontextmanager
    async def counting(self) -> AsyncIterator[None]:
        """Ask, as long as the block runs."""
        asking = asyncio.create_task(self._ask_on())
        try:
            yield
        finally:
            self._over = True
            asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asking

    async def _ask_on(self) -> None:
        # a pause between names, so that a round is spread over its time
        pause = ROUND_SECONDS / len(self._names)
        async with asking_from(self._client) as sock:
            due = time.monotonic()
            while not self._over:
                for name, track in self.tracks.items():
                    if self._over:
                        return
                    await self._look(sock, name, track)
                    due = max(due + pause, time.monotonic())
                    await asyncio.sleep(due - time.monotonic())
                self.rounds += 1

    async def _look(self, sock: Any, name: str, track: Track) -> None:
        known, before, begin = len(track.changes), track.present, self._asked.get(name)
        at = time.monotonic()
        await ask(sock, self._port, name, track)
        self._asked[name] = at
        if begin is not None and len(track.changes) > known:
            for address in before ^ track.present:
                self._turns.setdefault(address, []).append((begin, track.changes[-1][0]))


def _at(track: Track, moment: float) -> frozenset[str]:
    """What was answered then."""
    found: frozenset[str] = frozenset()
    for at, addresses in track.changes:
        if at > moment:
            break
        found = addresses
    return found
