"""`make prove`: search, play, sabotage; print what was found, and write the kill matrix."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

from proof.leases import search_leases
from proof.machine import play
from proof.matrix import PAGE, Killed, page
from proof.mutants import GUARD_BOUNDS, GUARDS, MUTANTS
from proof.rules import SHIPPED
from proof.search import Found, search
from proof.system.swarm import swarm, tell, unmet
from proof.world import Bounds, Game

EVERYTHING = Bounds(
    publishers=3,
    frontends=2,
    truths=4,
    epochs=3,
    generations=4,
    partial_reads=0,
    late_messages=False,
)
LATE = Bounds(publishers=2, frontends=1, truths=3, epochs=2, generations=3)
DAMAGED = Bounds(
    publishers=1, frontends=1, truths=3, epochs=2, generations=3, damages=1, rollbacks=1
)
LIMIT = 2_000_000
SEEDS = 1000
MUTANT_SEEDS = 200
"""Seeds within which a mutant is to be found out."""


def main() -> int:
    """0 when nothing was violated, every mutant is killed, and every guard suffices alone."""
    parser = argparse.ArgumentParser(prog="make prove", description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS, help="systems to simulate")
    parser.add_argument("--seed", type=int, help="simulate this one alone, and tell its story")
    parser.add_argument("--shrink", action="store_true", help="with --seed: cut it down first")
    parser.add_argument("--mutant", default="", help="with --seed: under this bug of history")
    parser.add_argument("--examples", type=int, default=300, help="random histories of each kind")
    parser.add_argument("--page", type=Path, default=PAGE, help="where to write what was found")
    parser.add_argument("--check", action="store_true", help="fail if the page would change")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    if arguments.seed is not None:
        return _tell(arguments.seed, arguments.mutant, shrinks=arguments.shrink)
    begun = time.monotonic()
    print("(a) every interleaving within bounds")
    searched = [
        _searched("three publishers, four plans, clean-up, a crash, two frontends", EVERYTHING),
        _searched("late and lost messages, partial reads", LATE),
        _searched("damaged tables, rollbacks, freezes", DAMAGED),
        _said(search_leases("leases, suspensions, outages")),
    ]
    print("(b) random histories, shrunk")
    played = [
        _said(
            play(
                "from the beginning",
                SHIPPED,
                Bounds(rollbacks=1, damages=1),
                examples=arguments.examples,
            )
        ),
        _said(
            play(
                "from any content of the tables",
                SHIPPED,
                Bounds(rollbacks=1),
                examples=arguments.examples,
                from_anywhere=True,
            )
        ),
    ]
    print("(c) simulated systems")
    simulated = _said(swarm(SHIPPED, range(arguments.seeds), workers=os.cpu_count() or 1))
    if simulated.violation:
        print(f'    again: make prove ARGS="--seed {simulated.states - 1} --shrink"')
    print("(d) mutants")
    killed = [_mutant(at, arguments.examples) for at in range(len(MUTANTS))]
    print("(e) guards, each alone, with a planner that empties names and publishers that sleep")
    guards = []
    for name, rules, suffices in GUARDS:
        game = Game(rules, GUARD_BOUNDS)
        found = search(name, game, [game.start()], limit=LIMIT, recover=False)
        guards.append((_said(found), suffices))
    text = page(searched, played, simulated, killed, guards)
    at: Path = arguments.page
    fresh = at.exists() and at.read_text() == text
    if not arguments.check:
        at.write_text(text)
    states = sum(found.states for found in searched)
    print(f"{states} distinct states searched; {time.monotonic() - begun:.0f} s in all")
    failures = [f.name for f in (*searched, *played, simulated) if f.violation]
    failures += [f.name for f in searched if not f.complete]
    failures += [f"never met: {what}" for what in unmet(simulated)]
    failures += [f"{each.name} survives" for each in killed if not each.is_killed]
    failures += [f.name for f, suffices in guards if bool(f.violation) is suffices]
    failures += [] if states >= 100_000 else ["fewer than 100,000 states"]
    failures += [] if fresh or not arguments.check else [f"{at} is not what this would write"]
    for failure in failures:
        print(f"FAILED: {failure}")
    return int(bool(failures))


def _searched(name: str, bounds: Bounds) -> Found:
    game = Game(SHIPPED, bounds)
    found = search(name, game, [game.start()], limit=LIMIT)
    found.bounds = {key: value for key, value in asdict(bounds).items() if value}
    return _said(found)


def _mutant(at: int, examples: int) -> Killed:
    mutant = MUTANTS[at]
    played = None
    if mutant.rules.age is not SHIPPED.age:
        found = search_leases(f"a: {mutant.name}", mutant.rules.age)
    else:
        game = Game(mutant.rules, mutant.bounds)
        found = search(f"a: {mutant.name}", game, [game.start()], limit=60_000)
        played = play(f"b: {mutant.name}", mutant.rules, mutant.bounds, examples=examples)
        _said(played)
    simulated = swarm(mutant.rules, range(MUTANT_SEEDS), shrinks=False)
    simulated.name = f"c: {mutant.name}"
    return Killed(mutant.name, mutant.history, (_said(found), played, _said(simulated)))


def _tell(seed: int, mutant: str, *, shrinks: bool) -> int:
    rules = SHIPPED
    if mutant:
        known = {each.name: each.rules for each in MUTANTS}
        if mutant not in known:
            print(f"no mutant {mutant!r}; there are: {', '.join(known)}")
            return 2
        rules = known[mutant]
    violation, story = tell(seed, rules, shrinks=shrinks)
    print("\n".join(story))
    return int(bool(violation))


def _said(found: Found) -> Found:
    _say(found)
    return found


def _say(found: Found) -> None:
    whole = "" if found.complete else ", NOT COMPLETE"
    print(
        f"  {found.name}: {found.states} states, {found.transitions} steps,"
        f" {found.seconds:.1f} s{whole}"
    )
    if found.bounds:
        print("    " + ", ".join(f"{key} {value}" for key, value in found.bounds.items()))
    if found.hits:
        print("    hit: " + ", ".join(f"{what} {n}" for what, n in sorted(found.hits.items())))
    if found.violation:
        print(f"    {found.violation}")
        if any(line[:1].isspace() for line in found.trace):
            print("\n".join(f"    {line}" for line in found.trace))
        elif found.trace:
            print("    " + " -> ".join(found.trace))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
