"""Sees everything at the moment it happens, and says at once what may not be.

It knows the truth that no process knows: every head of every database, when each lease was
renewed, when who could not be reached, what each frontend answered before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from socket import inet_ntoa
from struct import unpack_from

from dns_frontend.wire.body import NOERROR, SERVFAIL, Body
from proof.contents import CODEC
from proof.system.loop import VirtualLoop
from proof.world import Violation
from registry.domain.names import ServiceKey
from registry.domain.operation import Done, Expire, Fence, Operation, Outcome, Register
from registry.domain.plan import Head
from registry.domain.planner import is_servable
from registry.domain.service import Service
from registry.ports import Publication

NOTICED_SECONDS = 1.5
"""What stops a node for less may pass unnoticed, and age leases by as much."""
CLOCK_SHARE = 0.97
"""Clocks run fast by less than the rest."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a generation says of a service."""

    servable: frozenset[str]
    """Addresses that an answer may have."""
    everything: frozenset[str]
    tombstoned: bool


Content = Mapping[str, Entry]


class Observer:
    """One history's witness."""

    def __init__(self, loop: VirtualLoop, hits: Counter[str], story: list[str]) -> None:
        self.is_damaged = False
        """Whether rows were lost or spoilt."""
        self.is_partial = False
        """Whether a node began with less than there was."""
        self.buried: set[str] = set()
        """Services that somebody deleted, by entry key."""
        self._loop = loop
        self._hits = hits
        self._story = story
        self._bodies: dict[bytes, dict[str, bytes]] = {b"": {}}
        self._contents: dict[bytes, Content] = {}
        self._restored: set[str] = set()
        self._able_since: dict[str, float] = {}
        self._orders: dict[tuple[str, str], tuple[int, int]] = {}
        self._answered: set[tuple[str, str, str]] = set()
        self._leases: dict[tuple[str, int], float] = {}
        """When each was last renewed, by database and number."""

    def hit(self, what: str) -> None:
        """Count what was met."""
        self._hits[what] += 1

    def tell(self, text: str) -> None:
        """Remember what happened, for people."""
        self._story.append(f"{self._loop.time():7.3f}  {text}")

    # --- the database -----------------------------------------------------------------

    def published(
        self,
        publication: Publication,
        before: Head,
        *,
        frozen: bool,
        services: Mapping[ServiceKey, Service],
    ) -> None:
        """A head moves. Raises Violation."""
        record, epoch = publication.record, publication.fence.epoch
        bodies = self._after(publication, before.digest)
        content = self._contents[record.digest] = {
            key: entry_of(body) for key, body in bodies.items()
        }
        self._bodies[record.digest] = bodies
        by = "an operator" if publication.rollback is not None else f"epoch {epoch}"
        self.tell(
            f"{record.cell}: {by} publishes generation {record.generation}"
            f"{' anew' if publication.heals else ''}: {said(content)}"
        )
        if publication.rollback is not None:
            self.hit("an operator rolls back")
        if publication.heals and before.generation:
            self.hit("guard: what cannot be read is published anew")
        if record.generation > before.seen_generation >= before.generation > 0:
            self.hit("guard: the head outruns a frontend that is ahead")
        if publication.rollback is None and epoch != before.epoch:
            raise Violation(f"I3: epoch {epoch} publishes in epoch {before.epoch}")
        if record.parent_generation != before.generation:
            raise Violation(
                f"I2: the head was {before.generation}, the plan's parent"
                f" {record.parent_generation}"
            )
        if record.generation <= before.generation:
            raise Violation(f"I1: the head goes from {before.generation} to {record.generation}")
        if frozen and publication.rollback is None:
            raise Violation(f"I40: cells/{record.cell} is frozen and its head moves")
        self.buried |= {
            key.entry for key, each in services.items() if each.tombstone_time_ms is not None
        }
        self._check_not_emptied(publication, before, content)

    def _after(self, publication: Publication, digest: bytes) -> dict[str, bytes]:
        if publication.base is not None:
            return dict(publication.base)
        bodies = dict(self._bodies.get(digest, {}))
        for key in publication.delta.removed:
            bodies.pop(key, None)
        return bodies | dict(publication.delta.changed)

    def _check_not_emptied(self, publication: Publication, before: Head, after: Content) -> None:
        if self.is_damaged and publication.heals:
            return  # where every trace of a name is gone, frontends alone can remember it
        for key, entry in self._contents.get(before.digest, {}).items():
            now = after.get(key)
            if not entry.servable or (now is not None and now.servable) or key in self.buried:
                continue
            raise Violation(f"I7: the head: {key} is emptied by accident")

    def wrote(self, fence: Fence, head: Head) -> None:
        """A leader's write is let through. Raises Violation."""
        if fence.epoch != head.epoch:
            raise Violation(f"I3: epoch {fence.epoch} writes in epoch {head.epoch}")

    def cleaned(self, head: Head, fence: Fence, *, was: bool, is_readable: bool) -> None:
        """Plans are deleted. Raises Violation."""
        self.tell(f"{head.cell}: epoch {fence.epoch} cleans up below {head.generation}")
        if was and not is_readable:
            raise Violation(f"I4: the active plan {head.generation} cannot be read any more")

    def applied(
        self,
        database: str,
        node: str,
        asked_at: float,
        operations: Sequence[Operation],
        outcomes: Sequence[Outcome],
    ) -> None:
        """Instances change. Raises Violation."""
        now = self._loop.time()
        for operation, outcome in zip(operations, outcomes, strict=True):
            if not isinstance(outcome, Done) or outcome.replayed or outcome.instance is None:
                continue
            instance = outcome.instance
            match operation:
                case Register():
                    self._leases[database, instance.lease_id] = now
                    self.tell(f"{instance.key.instance} of {instance.key.service} is registered")
                case Expire():
                    self.hit("a lease ends")
                    if database in self._restored:
                        continue  # a backup knows other leases by the same numbers
                    self.tell(
                        f"{instance.key.instance} of {instance.key.service}: its lease ends"
                        f" ({node})"
                    )
                    ttl = instance.registration.ttl_seconds * CLOCK_SHARE
                    idle = now - self._leases.get((database, instance.lease_id), float("-inf"))
                    if idle < ttl:
                        raise Violation(
                            f"I23: a lease of {ttl / CLOCK_SHARE:g} s ends {idle:.1f} s after it"
                            " was renewed"
                        )
                    able = asked_at - self._able_since.get(node, float("-inf"))
                    # what was asked before is told by the time since the renewal alone
                    if 0.0 <= able < ttl - 0.2:
                        raise Violation(
                            f"I23: a lease of {ttl / CLOCK_SHARE:g} s ends {able:.1f} s after"
                            f" {node} could take renewals again"
                        )
                case _:
                    pass

    def renewed(self, database: str, leases: Sequence[int], gone: frozenset[int]) -> None:
        """Leases are renewed durably."""
        for lease in leases:
            if lease not in gone:
                self._leases[database, lease] = self._loop.time()

    def able_again(self, node: str, seconds: float) -> None:
        """A node was stopped, or cut off from its database, for so long until now."""
        if seconds >= NOTICED_SECONDS:
            self._able_since[node] = self._loop.time()

    def damaged(self) -> None:
        """Rows are lost or spoilt."""
        self.is_damaged = True

    def restored(self, database: str) -> None:
        """An older backup takes the place of a database."""
        self._restored.add(database)

    # --- frontends --------------------------------------------------------------------

    def forget_order(self, frontend: str) -> None:
        """A frontend died that could not write: it may come back with less (I15 before I1)."""
        for key in [key for key in self._orders if key[0] == frontend]:
            del self._orders[key]
        self._answered = {each for each in self._answered if each[0] != frontend}

    def stands(self, frontend: str, cell: str, order: tuple[int, int], digest: bytes) -> None:
        """Where a frontend's answers come from. Raises Violation."""
        before = self._orders.get((frontend, cell), (0, 0))
        if order < before:
            raise Violation(f"I1: {frontend} goes back from {before} to {order} of {cell}")
        self._orders[frontend, cell] = order
        if digest not in self._contents:
            raise Violation(f"I6: {frontend} serves {order} of {cell}, which nobody published")

    def answered(
        self, frontend: str, service: str, view: str, body: Body, digests: Sequence[bytes]
    ) -> frozenset[str]:
        """A client has an answer of A records; its addresses. Raises Violation."""
        key = f"shop/{service}"
        asked = (frontend, service, view)
        if body.rcode == NOERROR and body.lean_heads[0][4:6] != b"\0\0":
            addresses, ttl = addresses_of(body)
            self._answered.add(asked)
            self.hit("an answer")
            if not 5 <= ttl <= 60:
                raise Violation(f"I30: {frontend} answers {service} with a TTL of {ttl} s")
            self._check_one_generation(frontend, key, addresses, digests)
            return addresses
        self.hit("a denial")
        if asked in self._answered and key not in self.buried:
            word = {NOERROR: "no data", SERVFAIL: "SERVFAIL"}.get(body.rcode, "NXDOMAIN")
            raise Violation(f"I7: {frontend} answers {service} with {word}")
        self._answered.discard(asked)
        return frozenset()

    def _check_one_generation(
        self, frontend: str, key: str, addresses: frozenset[str], digests: Sequence[bytes]
    ) -> None:
        found = [self._contents.get(digest, {}).get(key) for digest in digests]
        if any(entry is not None and addresses <= entry.everything for entry in found):
            return
        if any(entry is not None and entry.servable for entry in found):
            raise Violation(
                f"I5: {frontend} answers {key} with {sorted(addresses)}, which is of no one"
                " generation that it serves"
            )
        self.hit("guard: a frontend remembers what no cell tells it")
        if not any(
            entry is not None and addresses <= entry.everything
            for content in self._contents.values()
            for entry in (content.get(key),)
        ):
            raise Violation(f"I5: {frontend} answers {key} with {sorted(addresses)}")

    def content(self, digest: bytes) -> Content | None:
        """What was published under a digest."""
        return self._contents.get(digest)


@lru_cache(maxsize=10_000)
def entry_of(body: bytes) -> Entry:
    """An entry as it was published."""
    plan = CODEC.decode(body)
    return Entry(
        frozenset(a for e in plan.endpoints if is_servable(e) for a in e.addresses),
        frozenset(a for e in plan.endpoints for a in e.addresses),
        plan.tombstone is not None,
    )


@lru_cache(maxsize=10_000)
def addresses_of(body: Body) -> tuple[frozenset[str], int]:
    """The addresses of an answer of A records, and their TTL in seconds."""
    (count,) = unpack_from("!H", body.lean_heads[0], 4)
    found, ttl = set(), 0
    for number in range(count):
        at = 16 * number
        (ttl,) = unpack_from("!I", body.lean, at + 6)
        found.add(inet_ntoa(body.lean[at + 12 : at + 16]))
    return frozenset(found), ttl


def said(content: Content) -> str:
    """A content in words."""
    words = []
    for key in sorted(content):
        entry = content[key]
        what = "deleted" if entry.tombstoned else ",".join(sorted(entry.everything)) or "nobody"
        words.append(f"{key.partition('/')[2]}={what}")
    return " ".join(words) or "nothing"
