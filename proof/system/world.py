"""One system: who is in it, how they reach each other, and what deeds do to them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from functools import partial
from random import Random
from typing import Any

from dns_frontend.feed.word import Word
from proof.system.clock import ProcessClock
from proof.system.database import Database, Line
from proof.system.frontend import Disk, Frontend, Stream, frontend_id
from proof.system.loop import Process, VirtualLoop, settle
from proof.system.network import NOBODY, Network
from proof.system.node import Node
from proof.system.observer import Observer
from proof.system.owner import Owner
from proof.system.scenario import Scenario
from registry.app.plan_event import Position
from registry.domain.errors import RegistryError, StoreUnavailable
from registry.domain.names import CellName, Epoch, Generation, RegionName
from registry.ports import Acknowledgement

REGIONS = ("eu", "us")
SERVICES = ("web", "api", "db")
CALL_SECONDS = 1.5
"""How long a caller waits for a node."""
TTLS_SECONDS = (2.0, 3.0, 4.0)


class World:
    """The system of a scenario. Each part has chances of its own."""

    def __init__(self, scenario: Scenario, hits: Counter[str], *, fences: bool = True) -> None:
        shape = scenario.shape
        self.seed = scenario.seed
        self.hits = hits
        self.story: list[str] = []
        self.loop = VirtualLoop()
        self.network = Network(self.loop, f"net {self.seed}", hits)
        self.observer = Observer(self.loop, hits, self.story)
        self.clusters = REGIONS[: shape.clusters]
        self.services = SERVICES[: shape.services]
        self.databases = {
            cluster: Database(
                f"database-{cluster}", ProcessClock(self.loop), self.observer, fences=fences
            )
            for cluster in self.clusters
        }
        self.freeze_files: dict[str, str] = {}
        self.nodes: dict[str, Node | None] = {}
        self.disks: dict[str, Disk] = {}
        self.frontends: dict[str, Frontend | None] = {}
        self.owners: dict[str, Owner | None] = {}
        self.clocks: dict[str, ProcessClock] = {}
        self._processes: dict[str, Process] = {}
        self._lives: Counter[str] = Counter()
        self._lines: list[Line] = []
        self._asleep: Counter[str] = Counter()
        for cluster in self.clusters:
            for number in range(shape.nodes):
                self.nodes[f"node-{cluster}-{number + 1}"] = None
        for number in range(shape.frontends):
            name = f"dns-{number + 1}"
            self.frontends[name], self.disks[name] = None, Disk()
        for number in range(shape.owners):
            self.owners[f"i{number + 1}"] = None

    def start(self) -> None:
        """Everybody comes up."""
        for name in self.nodes:
            self.start_node(name)
        for name in self.frontends:
            self.start_frontend(name)
        for name in self.owners:
            self.start_owner(name)

    def close(self) -> None:
        """End the history; nothing that is still under way has any effect."""
        for line in self._lines:
            line.is_closed = True
        self.loop.close()

    def chances(self, name: str) -> Random:
        """Of one part, in one of its lives."""
        return Random(f"{self.seed} {name} {self._lives[name]}")

    # --- who is in it -----------------------------------------------------------------

    def _process(self, name: str) -> tuple[Process, ProcessClock]:
        self._lives[name] += 1
        life = f"{name}.{self._lives[name]}" if self._lives[name] > 1 else name
        process = self._processes[name] = Process(name)
        clock = self.clocks.get(name)
        if clock is None:
            random = self.chances(name)
            rate = random.choice((1.0, 0.995, 1.005))
            clock = self.clocks[name] = ProcessClock(self.loop, 1000 * random.random(), rate)
        self.observer.tell(f"{life} starts")
        return process, clock

    def start_node(self, name: str) -> None:
        """A node comes up on what its database holds."""
        cluster = self.cluster_of(name)
        process, clock = self._process(name)
        line = Line(self.loop, self.network, self.databases[cluster], process, self.hits)
        self._lines.append(line)
        node = Node(
            process,
            line,
            clock,
            CellName(cluster),
            self.chances(name),
            lambda: self.freeze_files.get(cluster),
            run=f"{name}.{self._lives[name]}",
        )
        self.nodes[name] = node
        self.observer.able_again(name, float("inf"))
        self.loop.spawn(process, node.live())

    def start_frontend(self, name: str) -> None:
        """A frontend comes up on what its disk holds."""
        process, clock = self._process(name)
        home = self.clusters[int(name[-1]) % len(self.clusters)]
        frontend = process.context.copy().run(
            Frontend,
            self.loop,
            process,
            clock,
            self.disks[name],
            _Exchange(self, process),
            self.clusters,
            home,
            self.chances(name),
        )
        self.frontends[name] = frontend
        self.loop.spawn(process, frontend.live())

    def start_owner(self, name: str) -> None:
        """An owner brings its instance up."""
        process, _ = self._process(name)
        number = int(name[1:]) - 1
        cluster = self.clusters[number % len(self.clusters)]
        service = self.services[(number // len(self.clusters)) % len(self.services)]
        random = self.chances(name)
        owner = process.context.copy().run(
            Owner,
            name,
            service,
            cluster,
            f"192.0.2.{number + 1}",
            partial(self._call, process, cluster, random),
            random,
            random.choice(TTLS_SECONDS),
        )
        self.owners[name] = owner
        self.loop.spawn(process, owner.live())

    def kill(self, name: str) -> None:
        """End a process where it stands."""
        process = self._processes[name]
        self.loop.kill(process)
        if name in self.nodes:
            self.nodes[name] = None
        elif name in self.frontends:
            self.frontends[name] = None
        else:
            self.owners[name] = None

    def is_running(self, name: str) -> bool:
        """Whether somebody is there and awake."""
        process = self._processes[name]
        return process.is_alive and not process.is_paused

    def pause(self, name: str, seconds: float) -> None:
        """Stop a process where it stands, for so long."""
        process = self._processes[name]
        self._asleep[name] += 1
        self.loop.pause(process)
        self.observer.tell(f"{name} is stopped for {seconds:g} s")
        self.later(seconds, self._resume, name, process, seconds)

    def _resume(self, name: str, process: Process, seconds: float) -> None:
        self._asleep[name] -= 1
        if process.is_alive and not self._asleep[name]:
            self.loop.resume(process)
            self.observer.able_again(name, seconds)
            self.observer.tell(f"{name} goes on")

    def later(self, seconds: float, deed: Callable[..., object], *args: object) -> None:
        """Have something done after a while, by nobody."""
        self.loop.call_later(seconds, deed, *args, context=NOBODY)

    def cluster_of(self, node: str) -> str:
        """The cluster that a node is of."""
        return node.split("-")[1]

    def nodes_of(self, cluster: str) -> list[str]:
        """The names of a cluster's nodes."""
        return [name for name in self.nodes if self.cluster_of(name) == cluster]

    # --- how they reach each other ----------------------------------------------------

    async def _call(
        self,
        caller: Process,
        cluster: str,
        random: Random,
        work: Callable[[Node], Awaitable[Any]],
    ) -> Any:
        """Call some node of a cluster, and wait for what it says."""
        name = random.choice(self.nodes_of(cluster))
        answer = self.loop.create_future()

        def arrive() -> None:
            node = self.nodes[name]
            if node is not None:
                self.loop.spawn(node.process, serve(node))

        async def serve(node: Node) -> None:
            result: object = None
            error: Exception | None = None
            try:
                if not node.is_ready:
                    raise StoreUnavailable("not ready", retry_after_seconds=0.2)
                result = await work(node)
            except RegistryError as raised:
                error = raised
            self.network.send(name, caller.name, caller, partial(settle, answer, result, error))

        self.network.send(caller.name, name, self._processes[name], arrive)
        async with asyncio.timeout(CALL_SECONDS):
            return await answer

    def watch(
        self, frontend: Process, cluster: str, node_name: str, have: list[Position]
    ) -> Stream:
        """Open a stream from a node to a frontend."""
        stream = Stream(node_name)
        key = frontend_id(frontend.name)

        def arrive() -> None:
            node = self.nodes[node_name]
            if node is not None and node.is_ready:
                self.loop.spawn(node.process, serve(node))

        async def serve(node: Node) -> None:
            last = 0.0
            try:
                async with aclosing(node.feed.watch(key, have)) as events:
                    async for event in events:
                        if stream.is_closed:
                            return
                        put = partial(stream.events.put_nowait, event)
                        last = self.network.send(
                            node_name, frontend.name, frontend, put, after=last
                        )
            except StoreUnavailable:
                return

        self.network.send(frontend.name, node_name, self._processes[node_name], arrive)
        return stream

    def say(self, frontend: Process, stream: Stream, word: Word) -> None:
        """Carry a frontend's word to the node of a stream."""
        at = word.position
        said = Acknowledgement(
            frontend_id(frontend.name),
            RegionName(at.region),
            CellName(at.cell),
            Epoch(at.epoch),
            Generation(at.generation),
            "" if word.finding is None else word.finding.reason,
            self.clocks[stream.node].unix_ms(),
        )
        if word.finding is not None:
            self.hits[f"guard: a frontend refuses: {word.finding.rule.value}"] += 1
            self.observer.tell(
                f"{frontend.name} refuses generation {at.generation} of {at.cell}:"
                f" {word.finding.rule.value}"
            )

        def arrive() -> None:
            node = self.nodes[stream.node]
            if node is not None and node.is_ready:
                self.loop.spawn(node.process, serve(node))

        async def serve(node: Node) -> None:
            try:
                await node.frontends.acknowledge(said)
            except RegistryError:
                self.hits["a frontend's word is refused"] += 1

        self.network.send(frontend.name, stream.node, self._processes[stream.node], arrive)

    def some(self, names: Sequence[str], number: int) -> str:
        """The one of that number, modulo how many there are."""
        return names[number % len(names)]


class _Exchange:
    """The network as one frontend has it."""

    def __init__(self, world: World, process: Process) -> None:
        self._world = world
        self._process = process
        self._turn = 0

    def watch(self, cluster: str, have: Sequence[Position]) -> Stream:
        """Ask the next node of a cluster for its plans."""
        self._turn += 1
        node = self._world.some(self._world.nodes_of(cluster), self._turn)
        return self._world.watch(self._process, cluster, node, list(have))

    def say(self, stream: Stream, word: Word) -> None:
        """Tell the node of a stream what became of a generation."""
        self._world.say(self._process, stream, word)
