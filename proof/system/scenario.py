"""What a seed makes: how many of everything, and what befalls it when. A swarm of faults.

Each seed draws which kinds of faults it has at all, so that some seeds have one kind a lot
and others have all of them a little; then it draws when, whom, and for how long. A deed is
whole: it ends what it began. So any subset of a scenario's deeds is a scenario, which is
what shrinking needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

LENGTH_SECONDS = 10.0
"""Deeds begin within so long; then the system is left alone."""


@dataclass(frozen=True, slots=True)
class Deed:
    """Something befalls somebody at a time, for a while."""

    at: float
    kind: str
    whom: int = 0
    """Which one, modulo how many there are."""
    other: int = 0
    """Which other one, where two are concerned."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Shape:
    """How many of everything."""

    clusters: int = 1
    nodes: int = 2
    """In each cluster."""
    frontends: int = 2
    services: int = 2
    owners: int = 4
    """Of instances, dealt out to services and clusters in turn."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """All that a history depends on."""

    seed: int
    shape: Shape
    deeds: tuple[Deed, ...]


FAULTS: dict[str, tuple[float, float]] = {
    "a node crashes": (0.2, 5.0),
    "a node pauses": (0.5, 7.0),
    "a node sleeps holding a write": (3.5, 8.0),
    "a node's wall clock jumps": (0.0, 0.0),
    "the database's clock jumps": (0.0, 0.0),
    "the database turns all away": (0.5, 6.0),
    "the database is silent": (0.5, 6.0),
    "an older backup is restored": (0.5, 4.0),
    "the head's row is lost": (0.0, 0.0),
    "the head's row is garbled": (0.0, 0.0),
    "all plans are lost": (0.0, 0.0),
    "the rows of names are lost": (0.0, 0.0),
    "a node begins on a partial read": (1.0, 3.0),
    "a node's requests are late": (2.0, 6.0),
    "a node is cut off from its database": (0.5, 6.0),
    "a node hears no answer of its database": (0.5, 5.0),
    "a frontend crashes": (0.2, 4.0),
    "a frontend pauses": (0.5, 6.0),
    "a frontend's disk fails": (1.0, 5.0),
    "a frontend's wall clock jumps": (0.0, 0.0),
    "a node is cut off from a frontend": (0.5, 6.0),
    "a frontend's words are lost": (0.5, 6.0),
    "a node is cut off from an owner": (0.5, 6.0),
    "messages are lost": (1.0, 5.0),
    "messages are doubled": (1.0, 5.0),
    "messages are overtaken": (1.0, 5.0),
    "the cell is frozen": (0.5, 4.0),
    "a freeze file is there": (0.5, 4.0),
    "the cell is rolled back": (0.5, 3.0),
}
"""Kinds, and for how long, in seconds."""
LIVES: dict[str, tuple[float, float]] = {
    "an owner dies": (1.0, 8.0),
    "an owner leaves": (1.0, 8.0),
    "an owner drains": (1.0, 8.0),
    "all owners of a service leave": (1.0, 5.0),
    "all owners of a service die": (2.0, 5.0),
    "a service is deleted": (0.0, 0.0),
}
"""What happens without any fault."""


def scenario_of(seed: int) -> Scenario:
    """The scenario of a seed."""
    random = Random(f"scenario {seed}")
    shape = Shape(
        clusters=random.choice((1, 1, 1, 2)),
        nodes=random.choice((1, 2, 2, 3)),
        frontends=random.choice((1, 2, 2, 3)),
        services=random.choice((1, 2, 3)),
        owners=random.choice((2, 3, 4, 5)),
    )
    kinds = random.sample(sorted(FAULTS), random.choice((1, 2, 3, 4, 6)))
    deeds = [_deed(random, random.choice(kinds), FAULTS) for _ in range(random.randrange(2, 9))]
    lives = random.sample(sorted(LIVES), random.randrange(0, 4))
    deeds += [_deed(random, random.choice(lives), LIVES) for _ in range(3) if lives]
    return Scenario(seed, shape, tuple(sorted(deeds, key=lambda deed: deed.at)))


def _deed(random: Random, kind: str, kinds: dict[str, tuple[float, float]]) -> Deed:
    shortest, longest = kinds[kind]
    return Deed(
        at=round(0.5 + (LENGTH_SECONDS - 0.5) * random.random(), 2),
        kind=kind,
        whom=random.randrange(6),
        other=random.randrange(6),
        seconds=round(random.uniform(shortest, longest), 2),
    )
