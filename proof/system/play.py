"""Plays one scenario to its end, and then leaves the system alone to see that it recovers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from dns_frontend.wire.body import wire_name
from proof.rules import Rules
from proof.system.database import at_once
from proof.system.deeds import do
from proof.system.frontend import ZONE
from proof.system.network import NOBODY
from proof.system.observer import Content
from proof.system.scenario import LENGTH_SECONDS, Scenario
from proof.system.seams import under
from proof.system.world import World
from proof.world import Violation

ASK_SECONDS = 0.1
"""How often clients ask everybody everything."""
RECOVERY_SECONDS = 45.0
"""Within so long all is as registered again: the longest pause, and two planner periods."""
LOOK_SECONDS = 0.5
A = 1


@dataclass(slots=True)
class Outcome:
    """What became of a scenario."""

    violation: str = ""
    story: list[str] = field(default_factory=list)
    seconds: float = 0.0
    """Virtual ones."""

    @property
    def kind(self) -> str:
        """The invariant that is broken; empty when none is."""
        return self.violation.partition(":")[0]


def play(scenario: Scenario, rules: Rules, hits: Counter[str]) -> Outcome:
    """Play a scenario under some rules; the same scenario is the same history."""
    outcome = Outcome()
    with under(rules, hits):
        world = World(scenario, hits, fences=rules.fences)
        try:
            _run(world, scenario)
        except Violation as violation:
            outcome.violation = str(violation)
            world.observer.tell(f"VIOLATION {violation}")
        finally:
            outcome.seconds = world.loop.time()
            world.close()
    outcome.story = world.story
    return outcome


def _run(world: World, scenario: Scenario) -> None:
    world.start()
    for deed in scenario.deeds:
        world.loop.call_at(deed.at, do, world, deed, context=NOBODY)
    clients = _Clients(world)
    _until(world, clients, LENGTH_SECONDS)
    end = max((deed.at + deed.seconds for deed in scenario.deeds), default=0.0)
    _until(world, clients, end + 0.1)
    world.observer.tell("left alone")
    trouble = ""
    give_up_at = world.loop.time() + RECOVERY_SECONDS
    while world.loop.time() < give_up_at:
        _until(world, clients, world.loop.time() + LOOK_SECONDS)
        trouble = _trouble(world, clients)
        if not trouble:
            world.hits["recovers"] += 1
            return
    raise Violation(f"I10: {RECOVERY_SECONDS:g} s after the last fault, {trouble}")


def _until(world: World, clients: _Clients, when: float) -> None:
    while world.loop.time() < when:
        world.loop.run_until(world.loop.time() + ASK_SECONDS)
        clients.ask()


class _Clients:
    """DNS clients in each region, who ask every frontend for every service."""

    def __init__(self, world: World) -> None:
        self.told: dict[tuple[str, str, str], frozenset[str]] = {}
        """What each was last answered."""
        self._world = world
        self._names = {
            service: wire_name((service, "shop", "svc", *ZONE.labels)) for service in world.services
        }
        self._bodies: dict[tuple[str, str, str], object] = {}

    def ask(self) -> None:
        """Ask now. Raises Violation."""
        world = self._world
        for name, frontend in world.frontends.items():
            if frontend is None or not world.is_running(name):
                continue
            table = frontend.table
            for cell, at in table.cells.items():
                world.observer.stands(name, cell, (at.epoch, at.generation), at.digest)
            digests = [at.digest for at in table.cells.values()]
            for service, wire in self._names.items():
                for view in world.clusters:
                    key = (name, service, view)
                    body = table.find(wire, A, view)
                    self.told[key] = world.observer.answered(name, service, view, body, digests)


def _trouble(world: World, clients: _Clients) -> str:
    """What is not as it should be by now, in words; empty when all is well."""
    wanted: dict[str, set[str]] = {}
    for owner in world.owners.values():
        if owner is not None and not owner.is_drained and not owner.is_leaving:
            wanted.setdefault(owner.service, set()).add(owner.address)
    for cluster, database in world.databases.items():
        for head in at_once(database.heads()):
            content = world.observer.content(head.digest)
            if at_once(database.read_plan(head.cell, head.generation)) is None or content is None:
                return f"the plan of {cluster} cannot be read"
            for name, frontend in world.frontends.items():
                at = None if frontend is None else frontend.table.cells.get(head.cell)
                if at is None or at.digest != head.digest:
                    return f"{name} does not serve generation {head.generation} of {cluster}"
            missing = _missing(world, cluster, content)
            if missing and not world.observer.is_partial:
                return f"{', '.join(missing)} are not in the plan of {cluster}"
    for (name, service, view), addresses in clients.told.items():
        if wanted.get(service) and not addresses:
            return f"{name} has no answer for {service} to {view}"
    return ""


def _missing(world: World, cluster: str, content: Content) -> list[str]:
    return sorted(
        owner.address
        for owner in world.owners.values()
        if owner is not None
        and owner.region == cluster
        and not owner.is_leaving
        and owner.address
        not in getattr(content.get(f"shop/{owner.service}"), "everything", frozenset())
    )
