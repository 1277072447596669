"""Breadth-first search of every state that a world can reach within bounds."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from proof.world import Game, Violation, World


@dataclass(slots=True)
class Found:
    """What a search found."""

    name: str
    states: int = 0
    transitions: int = 0
    recoveries: int = 0
    depth: int = 0
    seconds: float = 0.0
    complete: bool = True
    """Whether nothing was left to search within the bounds."""
    violation: str = ""
    trace: list[str] = field(default_factory=list)
    hits: dict[str, int] = field(default_factory=dict)
    bounds: dict[str, int] = field(default_factory=dict)


def search(
    name: str, game: Game, starts: Iterable[World], *, limit: int, recover: bool = True
) -> Found:
    """Search from `starts`, at most `limit` states; the shortest way to a violation, if any."""
    begun = time.monotonic()
    found = Found(name)
    before: dict[World, tuple[World | None, str]] = {}
    depths: dict[World, int] = {}
    waiting: deque[World] = deque()
    recovered: set[World] = set()
    for start in starts:
        world = start.normal()
        if world not in before:
            before[world] = (None, "start")
            depths[world] = 0
            waiting.append(world)
    try:
        while waiting:
            world = waiting.popleft()
            try:
                if recover:
                    bare = world._replace(
                        publishers=(world.publishers[0].__class__(),),
                        crashes=0,
                        partial_reads=0,
                        rollbacks=0,
                        damages=0,
                    )
                    if bare not in recovered:
                        recovered.add(bare)
                        game.recover(bare)
                for word, after in game.steps(world):
                    found.transitions += 1
                    after = after.normal()
                    if after in before:
                        continue
                    if len(before) >= limit:
                        found.complete = False
                        continue
                    before[after] = (world, word)
                    depths[after] = depths[world] + 1
                    waiting.append(after)
            except Violation as violation:
                found.violation = str(violation)
                found.trace = _way(before, world)
                break
    finally:
        found.states = len(before)
        found.recoveries = len(recovered)
        found.depth = max(depths.values(), default=0)
        found.seconds = time.monotonic() - begun
        found.hits = dict(game.hits)
    return found


def _way(before: dict[World, tuple[World | None, str]], world: World) -> list[str]:
    words: list[str] = []
    at: World | None = world
    while at is not None:
        at, word = before[at]
        words.append(word)
    return words[-2::-1]
