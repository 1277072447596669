"""Whole systems, larger than can be searched, played at random from a seed.

Five publishers, six frontends. A swarm: each seed draws which faults it has and how often:
pauses (a publisher is not given a turn for long), crashes, partial reads, lost and late
messages, partitions (a frontend hears nothing), damaged tables, rollbacks and freezes. No
decision in it knows a clock, so every jump of one is in it. A seed that fails is cut
down to the fewest steps that still fail.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from random import Random

from proof.rules import Rules
from proof.search import Found
from proof.world import Bounds, Game, Violation, World

BOUNDS = Bounds(
    publishers=5,
    frontends=6,
    truths=4,
    epochs=40,
    generations=60,
    crashes=10,
    partial_reads=5,
    rollbacks=2,
    damages=1,
)
STEPS = 120
FAULTS = (
    "dies",
    "plans on a partial read",
    "takes the lead",
    "a plan is sent",
    "a plan arrives",
    "rolls back",
    "is lost",
    "is garbled",
    "are lost",
)


def simulate(rules: Rules, seeds: Iterable[int], *, story: bool = False) -> Found:
    """Play each seed; stop at the first that breaks an invariant, cut down."""
    begun = time.monotonic()
    found = Found("simulated systems")
    game = Game(rules, BOUNDS)
    for seed in seeds:
        found.states += 1
        words, violation = _play(game, seed, STEPS, found)
        if violation or story:
            found.violation = f"{violation} (seed {seed})" if violation else ""
            found.trace = words if story else _cut(Game(rules, BOUNDS), seed, words)
            break
    found.hits = dict(game.hits)
    found.seconds = time.monotonic() - begun
    return found


def _play(game: Game, seed: int, steps: int, found: Found) -> tuple[list[str], str]:
    random = Random(seed)
    world = game.start()
    words: list[str] = []
    # What this seed is prone to; a thing of weight 0 never happens in it.
    weights = {fault: random.choice((0.0, 0.2, 1.0, 3.0)) for fault in FAULTS}
    weights["takes the lead"] = random.choice((0.02, 0.1, 0.5))
    asleep: dict[int, int] = {}
    deaf = {at for at in range(BOUNDS.frontends) if random.random() < 0.2}
    try:
        for turn in range(steps):
            if random.random() < 0.05:
                asleep[random.randrange(BOUNDS.publishers)] = turn + random.randrange(60)
                game.hits["a pause"] = game.hits.get("a pause", 0) + 1
            if random.random() < 0.02:
                deaf = {at for at in range(BOUNDS.frontends) if random.random() < 0.3}
                game.hits["a partition"] = game.hits.get("a partition", 0) + 1
            step = _choose(game, world, random, weights, asleep, deaf, turn)
            if step is None:
                continue
            word, world = step
            words.append(word)
            found.transitions += 1
            met = f"step: {word.rstrip('0123456789 ')}"
            game.hits[met] = game.hits.get(met, 0) + 1
        words.append("left alone")
        game.recover(world)
    except Violation as violation:
        return words, str(violation)
    return words, ""


def _choose(
    game: Game,
    world: World,
    random: Random,
    weights: dict[str, float],
    asleep: dict[int, int],
    deaf: set[int],
    turn: int,
) -> tuple[str, World] | None:
    """One of the possible steps, by weight; who sleeps or is cut off is passed over."""
    publisher = random.randrange(BOUNDS.publishers)
    frontend = random.randrange(BOUNDS.frontends)
    able: list[tuple[str, World]] = []
    kind = random.random()
    if kind < 0.5:
        if asleep.get(publisher, 0) <= turn:
            able = list(game.publisher_steps(world, publisher))
    elif kind < 0.85:
        if frontend not in deaf:
            able = list(game.frontend_steps(world, frontend))
    else:
        able = list(game.operator_steps(world))
    if not able:
        return None
    odds = [next((w for fault, w in weights.items() if fault in word), 1.0) for word, _ in able]
    if not any(odds):
        return None
    return random.choices(able, odds)[0]


def _cut(game: Game, seed: int, words: list[str]) -> list[str]:
    """The fewest first steps of the seed that still fail."""
    for steps in range(0, STEPS, 5):
        told, violation = _play(game, seed, steps, Found(""))
        if violation:
            return told
    return words
