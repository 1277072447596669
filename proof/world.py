"""A small world: publishers, clean-up, a database and frontends, one atomic step at a time.

What a transaction does is one step; everything else may be interrupted: a publisher may be
paused for ever between reading, planning and writing, or die at each of these, and a
message may come late or never. Time does not exist: a lease may be over whenever another
asks, so that nothing can rest on a clock (I3). Publishers are alike, and so are frontends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from proof.contents import EMPTY, GARBAGE, servable
from proof.parts import Frontends, Parts
from proof.rules import Rules
from registry.domain.gc import Reach, StoredPlan
from registry.domain.head import Attempt, Move, Pointer
from registry.domain.leadership import Bid, Seat
from registry.domain.names import Epoch, Generation
from registry.domain.sighting import Claim, Sighting, fold_claim

KEEP = 2


class Row(NamedTuple):
    """A stored plan."""

    generation: int
    parent: int
    epoch: int
    content: int
    is_base: bool


class Publisher(NamedTuple):
    """What a publisher believes, however long ago it learned it."""

    epoch: int = 0
    """Of its lead; 0: it never led."""
    parent: int = -1
    """The generation it read; -1: it has read nothing."""
    content: int = EMPTY
    is_sound: bool = False
    proposal: int = -1
    """What it planned; -1: nothing yet."""
    skip: int = 0
    """Numbers left out, since the database refused one."""


class Message(NamedTuple):
    """On its way to a frontend: a whole generation, or the step from `parent` to it."""

    epoch: int
    generation: int
    content: int
    parent: int = -1


class Frontend(NamedTuple):
    """What a frontend serves and keeps aside, and what is on its way to it."""

    served: tuple[int, int, int, int] | None = None
    """(epoch, generation, content, what is held beside it)."""
    aside: tuple[int, int, int] | None = None
    message: Message | None = None
    acknowledged: int = 0
    """As the registry heard it."""


class World(NamedTuple):
    """Everything there is, hashable."""

    epoch: int = 0
    head: int = 0
    head_content: int = EMPTY
    rows: tuple[Row, ...] = ()
    names: int = EMPTY
    """The content that the rows of names are of."""
    seen: tuple[int, int] = (0, 0)
    frozen: bool = False
    truth: int = 0
    publishers: tuple[Publisher, ...] = ()
    frontends: tuple[Frontend, ...] = ()
    crashes: int = 0
    partial_reads: int = 0
    rollbacks: int = 0
    damages: int = 0

    def normal(self) -> World:
        """The same world with its equals in one order."""
        return self._replace(
            publishers=tuple(sorted(self.publishers)),
            frontends=tuple(sorted(self.frontends, key=repr)),
        )


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far a search goes."""

    publishers: int = 3
    frontends: int = 2
    truths: int = 4
    epochs: int = 3
    generations: int = 5
    crashes: int = 1
    partial_reads: int = 1
    rollbacks: int = 0
    damages: int = 0
    late_messages: bool = True
    """Whether a message may wait while others are made; else streams are in order and live."""


class Violation(Exception):
    """An invariant does not hold after a step."""


class Game:
    """The steps that a world may take, under some rules."""

    def __init__(self, rules: Rules, bounds: Bounds) -> None:
        self.rules = rules
        self.bounds = bounds
        self.parts = Parts(rules)
        self.frontends = Frontends(rules)
        self.hits: dict[str, int] = {}

    def start(self) -> World:
        """The world before anything happened."""
        return World(
            publishers=(Publisher(),) * self.bounds.publishers,
            frontends=(Frontend(),) * self.bounds.frontends,
        )

    def _hit(self, what: str) -> None:
        self.hits[what] = self.hits.get(what, 0) + 1

    # --- all that may happen next ----------------------------------------------------

    def steps(self, world: World) -> Iterator[tuple[str, World]]:
        """Each possible next world, with a word for what happened. Raises Violation."""
        done: set[Publisher] = set()
        for at, publisher in enumerate(world.publishers):
            if publisher in done:
                continue
            done.add(publisher)
            yield from self.publisher_steps(world, at)
        seen: set[Frontend] = set()
        for at, frontend in enumerate(world.frontends):
            if frontend not in seen:
                seen.add(frontend)
                yield from self.frontend_steps(world, at)
        yield from self.operator_steps(world)

    def publisher_steps(self, world: World, at: int) -> Iterator[tuple[str, World]]:
        """What one publisher may do next."""
        publisher = world.publishers[at]
        bounds = self.bounds
        if not world.frozen and world.epoch < bounds.epochs:
            yield "takes the lead", self._lead(world, at)
        if publisher.epoch and publisher.parent < 0 and publisher.epoch == world.epoch:
            yield "reads the head", self._read(world, at)
        if publisher.parent >= 0 and publisher.proposal < 0:
            # What is registered is looked at by planning alone: that it changes is told with it.
            for truth in range(world.truth, min(world.truth + 1, bounds.truths) + 1):
                planned = self.parts.propose(truth, publisher.content, partial=False)
                if planned != publisher.content or not publisher.is_sound:
                    after = self._put(world, at, publisher._replace(proposal=planned))
                    yield f"plans truth {truth}", after._replace(truth=truth)
            if world.partial_reads < bounds.partial_reads:
                planned = self.parts.propose(world.truth, publisher.content, partial=True)
                if planned != publisher.content:
                    after = self._put(world, at, publisher._replace(proposal=planned))
                    yield (
                        "plans on a partial read",
                        after._replace(partial_reads=world.partial_reads + 1),
                    )
        if publisher.proposal >= 0 and world.head < bounds.generations:
            yield "publishes", self.publish(world, at)
        if publisher.epoch:
            yield "cleans up", self.clean(world, publisher.epoch)
        if publisher != Publisher() and world.crashes < bounds.crashes:
            died = self._put(world, at, Publisher())
            yield "dies", died._replace(crashes=world.crashes + 1)

    def frontend_steps(self, world: World, at: int) -> Iterator[tuple[str, World]]:
        """What may happen at one frontend next."""
        frontend = world.frontends[at]
        # What is on its way may be lost: another is sent in its place.
        empty = self._front(world, at, frontend._replace(message=None))
        sent = self.send(empty, at)
        if sent not in (world, empty):
            if not self.bounds.late_messages and sent.frontends[at].message is not None:
                sent = self.deliver(sent, at)
            yield "a plan is sent", sent
        if frontend.message is not None:
            yield "a plan arrives", self.deliver(world, at)

    def operator_steps(self, world: World) -> Iterator[tuple[str, World]]:
        """What people may do next, and what may befall the tables."""
        bounds = self.bounds
        if world.frozen:
            yield "the cell is unfrozen", world._replace(frozen=False)
        if world.rollbacks < bounds.rollbacks and world.head < bounds.generations:
            for row in world.rows:
                if (
                    row.generation < world.head
                    and self._readable(world, row.generation) is not None
                ):
                    yield (
                        f"rolls back to {row.generation}",
                        self.roll_back(world, row.generation)._replace(
                            rollbacks=world.rollbacks + 1
                        ),
                    )
        if world.damages < bounds.damages and world.rows:
            damaged = world._replace(damages=world.damages + 1)
            last = world.rows[-1]
            yield "the head's row is lost", damaged._replace(rows=world.rows[:-1])
            yield (
                "the head's row is garbled",
                damaged._replace(rows=(*world.rows[:-1], last._replace(content=GARBAGE))),
            )
            yield "all rows are lost", damaged._replace(rows=())
            yield "the rows of names are lost", damaged._replace(names=EMPTY)

    # --- the steps --------------------------------------------------------------------

    def _lead(self, world: World, at: int) -> World:
        """By the shipped decision; whoever led before is taken to be late."""
        seat = Seat(Epoch(world.epoch), "another" if world.epoch else "", 0, Epoch(world.seen[0]))
        granted = self.rules.lead(seat, Bid("me", 1, 1, exclusive=False))
        if granted is None:
            return world
        if granted.epoch < world.epoch:
            raise Violation(f"I1: the epoch goes from {world.epoch} to {granted.epoch}")
        led = world._replace(epoch=granted.epoch)
        # The head comes with the lead, from the same transaction.
        return self._read(self._put(led, at, Publisher(epoch=granted.epoch)), at)

    def _read(self, world: World, at: int) -> World:
        """What a new leader builds on, whatever state the tables are in."""
        content, is_sound = self._built_on(world)
        if content < 0:
            return world
        publisher = world.publishers[at]._replace(
            parent=world.head, content=content, is_sound=is_sound
        )
        return self._put(world, at, publisher)

    def _built_on(self, world: World) -> tuple[int, bool]:
        """(content, whether it is the head); -1 where October 2025 had no way on."""
        newest = world.rows[-1].generation if world.rows else 0
        asked = [row.generation for row in world.rows] + [world.head]
        stored = tuple((at, self._readable(world, at)) for at in sorted(set(asked)))
        made = self.parts.found(world.head, world.head_content, newest, world.names, stored)
        if made[0] >= 0 and not made[1] and world.head:
            self._hit("heals an unreadable head")
        return made

    def publish(self, world: World, at: int) -> World:
        """One transaction: the pure decision on the row, then the database's own rules."""
        publisher = world.publishers[at]
        outrun = 0 < world.seen[1] >= publisher.parent or world.seen[0] > 0
        above = world.seen[1] if outrun else 0
        if not publisher.is_sound and world.rows:
            above = max(above, world.rows[-1].generation)
        step = self.parts.next_generation(publisher.parent, publisher.epoch, above, publisher.skip)
        attempt = Attempt(Epoch(publisher.epoch), Generation(publisher.parent), Generation(step))
        pointer = Pointer(Epoch(world.epoch), Generation(world.head), world.frozen)
        move = self.rules.move(pointer, attempt)
        self._hit(f"move {move.value}")
        idle = publisher._replace(parent=-1, proposal=-1, content=EMPTY, is_sound=False)
        if move is Move.DEPOSED or move is Move.FROZEN:
            return self._put(world, at, Publisher())
        if move is not Move.MADE:
            return self._put(world, at, idle)
        if self._database_refuses(world, publisher, step):
            self._hit("the database refuses")
            return self._put(world, at, idle._replace(skip=min(2 * publisher.skip + 1, 7)))
        if publisher.epoch != world.epoch and self.rules.judges_epoch:
            raise Violation(f"I3: epoch {publisher.epoch} writes in epoch {world.epoch}")
        after = self._moved(world, publisher, step)
        took_on = publisher._replace(
            parent=step, content=publisher.proposal, proposal=-1, is_sound=True, skip=0
        )
        return self._put(after, at, took_on)

    def _database_refuses(self, world: World, publisher: Publisher, step: int) -> bool:
        """The triggers and keys: a head only rises, under its epoch; no name is emptied."""
        if not self.rules.database:
            return False
        if step <= world.head or publisher.epoch != world.epoch:
            return True
        if any(row.generation == step for row in world.rows):
            return True
        heals = not publisher.is_sound
        return not heals and self.parts.database_refuses(
            world.names, publisher.proposal, world.truth
        )

    def _moved(self, world: World, publisher: Publisher, step: int) -> World:
        if self.rules.judges_head:
            if publisher.parent != world.head:
                raise Violation(
                    f"I2: the head was {world.head}, the plan's parent {publisher.parent}"
                )
            if step <= world.head:
                raise Violation(f"I1: the head goes from {world.head} to {step}")
            self._check_not_emptied("the head", world.head_content, publisher.proposal)
        row = Row(
            step,
            publisher.parent,
            publisher.epoch,
            publisher.proposal,
            is_base=not publisher.is_sound or step % 2 == 1,
        )
        return world._replace(
            head=step,
            head_content=publisher.proposal,
            rows=tuple(sorted((*world.rows, row))),
            names=publisher.proposal,
        )

    def roll_back(self, world: World, generation: int) -> World:
        """An operator restores old content as a new generation; nobody's lead is needed."""
        content, is_sound = self._built_on(world)
        if content < 0:
            return world
        old = self._readable(world, generation)
        assert old is not None
        restored = self.parts.restored(content, old)
        publisher = Publisher(world.epoch, world.head, content, is_sound, restored)
        above = world.seen[1]
        if not is_sound and world.rows:
            above = max(above, world.rows[-1].generation)
        step = self.parts.next_generation(world.head, world.epoch, above, 0)
        attempt = Attempt(None, Generation(world.head), Generation(step))
        pointer = Pointer(Epoch(world.epoch), Generation(world.head), world.frozen)
        if self.rules.move(pointer, attempt) is not Move.MADE or self._database_refuses(
            world, publisher, step
        ):
            return world
        self._hit("rolls back")
        return self._moved(world, publisher, step)._replace(frozen=True)

    def clean(self, world: World, epoch: int) -> World:
        """One transaction of clean-up."""
        attempt = Attempt(Epoch(epoch), Generation(world.head), Generation(world.head + 1))
        pointer = Pointer(Epoch(world.epoch), Generation(world.head), world.frozen)
        if self.rules.move(pointer, attempt) in (Move.DEPOSED, Move.FROZEN):
            self._hit("clean-up refused")
            return world
        if epoch != world.epoch and self.rules.judges_epoch:
            raise Violation(f"I3: epoch {epoch} cleans up in epoch {world.epoch}")
        below = [row.generation for row in world.rows if row.generation <= world.head]
        if len(below) < KEEP:
            return world
        acknowledged = [f.acknowledged for f in world.frontends if f.acknowledged]
        reach = Reach(
            head=Generation(world.head),
            last=Generation(below[-KEEP]),
            pinned=(),
            restored=(),
            slowest=Generation(min(acknowledged)) if acknowledged else None,
            young_ms=0,
        )
        plans = [StoredPlan(Generation(r.generation), 0, r.is_base) for r in world.rows]
        gone = set(self.rules.clean(plans, reach, complete=True))
        if not gone:
            return world
        if self.rules.database:
            needed = self._links(world, world.head)
            if gone & needed:
                return world
        self._hit("cleans up")
        after = world._replace(rows=tuple(r for r in world.rows if r.generation not in gone))
        if self.rules.judges_head:
            self._check_kept(world, after, reach)
        return after

    def send(self, world: World, at: int) -> World:
        """The registry sends the frontend the next step, or its head whole."""
        frontend = world.frontends[at]
        have = frontend.aside or frontend.served
        if have is not None and world.head:
            claim = Claim(Epoch(have[0]), Generation(have[1]))
            known = Sighting(Epoch(world.seen[0]), Generation(world.seen[1]))
            epoch = next((r.epoch for r in world.rows if r.generation == world.head), world.epoch)
            seen = fold_claim(known, Epoch(epoch), Generation(world.head), b"", claim)
            if seen != known:
                self._hit("a frontend is ahead")
                world = world._replace(seen=(seen.epoch, seen.generation))
        # A step is for one who is on this chain, by generation and digest; else it is a base.
        # So it is after a step of an older epoch: it is ignored, and the next one shows a gap.
        is_known = have is not None and any(
            row.generation == have[1] and row.content == have[2] for row in world.rows
        )
        for row in world.rows if is_known else ():
            if have is not None and row.parent == have[1] and row.generation <= world.head:
                if row.epoch < have[0]:
                    break
                if self._readable(world, row.generation) == row.content:
                    message = Message(row.epoch, row.generation, row.content, row.parent)
                    return self._front(world, at, frontend._replace(message=message))
        content = self._readable(world, world.head)
        if content is None or (have is not None and have[1] == world.head):
            return world
        made_in = next(row.epoch for row in reversed(world.rows) if row.generation == world.head)
        message = Message(made_in, world.head, content)
        return self._front(world, at, frontend._replace(message=message))

    def deliver(self, world: World, at: int) -> World:
        """The frontend's own step decides what to make of it."""
        frontend = world.frontends[at]
        message = frontend.message
        assert message is not None
        served, aside, refused = self.frontends.take(
            frontend.served, frontend.aside, message, message.parent
        )
        if refused:
            self._hit("a frontend refuses")
        before, after = frontend.served, served
        if before is not None and after is not None:
            if after[:2] < before[:2]:
                raise Violation(f"I1: a frontend goes from {before[:2]} to {after[:2]}")
            if after[3] != EMPTY:
                self._hit("a frontend holds a name")
            self._check_not_emptied(
                "a frontend's answers", self._answers(before), self._answers(after)
            )
        acknowledged = after[1] if after is not None else 0
        return self._front(world, at, Frontend(served, aside, None, acknowledged))

    def _answers(self, served: tuple[int, int, int, int]) -> int:
        return self.parts.remembered(served[2], served[3])

    # --- what must hold ---------------------------------------------------------------

    def _check_not_emptied(self, where: str, before: int, after: int) -> None:
        lost = servable(before) - servable(after) - self.parts.asked_for(after)
        if lost:
            raise Violation(f"I7: {where}: {', '.join(sorted(lost))} is emptied by accident")

    def _check_kept(self, before: World, after: World, reach: Reach) -> None:
        was_readable = self._readable(before, before.head) is not None
        if was_readable and self._readable(after, after.head) is None:
            raise Violation(f"I4: the active plan {after.head} cannot be read any more")
        kept = {row.generation for row in after.rows}
        for row in before.rows:
            if row.generation in kept:
                continue
            if row.generation >= reach.last:
                raise Violation(f"I4: {row.generation} is among the last {KEEP}")
            if reach.slowest is not None and row.generation >= reach.slowest:
                raise Violation(f"I4: a frontend may come back with {reach.slowest}")

    def _links(self, world: World, generation: int) -> set[int]:
        links: set[int] = set()
        for row in reversed(world.rows):
            if row.generation <= generation:
                links.add(row.generation)
                if row.is_base:
                    break
        return links

    def _readable(self, world: World, generation: int) -> int | None:
        """What is read of a generation; None when a link is missing or garbled."""
        content, reached = None, 0
        for row in world.rows:
            if row.generation > generation:
                break
            if row.is_base:
                content = row.content if row.content != GARBAGE else None
            elif content is None or row.parent != reached or row.content == GARBAGE:
                content = None
            else:
                content = row.content
            reached = row.generation
        return content if reached == generation else None

    def recover(self, world: World) -> None:
        """From here, left alone, the newest truth is served, by frontends too. Raises Violation
        (I10)."""
        self._hit("recovers")
        world = world._replace(frozen=False)
        for _ in range(5):
            skip = world.publishers[0].skip
            world = self._lead(world, 0)
            if world.publishers[0].parent >= 0:
                world = self._put(world, 0, world.publishers[0]._replace(skip=skip))
            reader = world.publishers[0]
            if reader.parent < 0:
                raise Violation("I10: the head cannot be read, and nothing goes on from there")
            planned = self.parts.propose(world.truth, reader.content, partial=False)
            outrun = world.seen[1] >= world.head or world.seen[0] > 0
            if planned != reader.content or not reader.is_sound or outrun:
                world = self._put(world, 0, reader._replace(proposal=planned))
                world = self.publish(world, 0)
            for at in range(len(world.frontends)):
                for _ in range(6):
                    if world.frontends[at].message is not None:
                        world = self.deliver(world, at)
                    world = self.send(world, at)
        content = self._readable(world, world.head)
        if content is None:
            raise Violation("I10: the head cannot be read after five tries")
        wanted = self.parts.propose(world.truth, content, partial=False)
        if wanted != content:
            raise Violation("I10: the head is not what is registered after five tries")
        for frontend in world.frontends:
            if frontend.served is None or frontend.served[1] != world.head:
                raise Violation(f"I10: {frontend} does not serve the head {world.head}")

    def _put(self, world: World, at: int, publisher: Publisher) -> World:
        publishers = list(world.publishers)
        publishers[at] = publisher
        return world._replace(publishers=tuple(publishers))

    def _front(self, world: World, at: int, frontend: Frontend) -> World:
        frontends = list(world.frontends)
        frontends[at] = frontend
        return world._replace(frontends=tuple(frontends))
