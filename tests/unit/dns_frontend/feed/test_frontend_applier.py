"""From events to answers: kept, then served, then said; and each cell for itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

import dns.message
import pytest
from dns.edns import OptionType
from dns.rcode import Rcode
from feed_samples import LIMITS, body, snapshot, tombstone
from registry_site import eventually

from dns_frontend.feed import applier as applier_module
from dns_frontend.feed.applier import Applier
from dns_frontend.feed.decode import MalformedMessageError, published_of
from dns_frontend.feed.lkg import LastKnownGood
from dns_frontend.feed.merge import merger
from dns_frontend.feed.scribe import Scribe, Standings
from dns_frontend.feed.word import Word
from dns_frontend.plan.cell import (
    BaseArrived,
    CellState,
    CheckpointArrived,
    DeltaArrived,
    Doubt,
    Rules,
    Snapshot,
)
from dns_frontend.plan.guard import Rule
from dns_frontend.plan.view import ClientRegions
from dns_frontend.plan.zone import ZoneSettings
from dns_frontend.server.responder import Responder
from dns_frontend.wire.table import AnswerTable
from sheetanchor.v1 import instance_pb2, plan_pb2

LOST = "3 lost by the registry of east, not deleted: as it was known last"


class Frontend:
    """A table, an applier and a scribe, whose deeds go into one list in their order."""

    def __init__(self, directory: Path, rules: Rules) -> None:
        self.deeds: list[str] = []
        self.words: list[Word] = []
        self.fragile: set[str] = set()
        """Entries that no cell can be loaded with."""
        self.disk_works = asyncio.Event()
        self.disk_works.set()
        self.keeping = 0
        """How many groups were given to the disk."""
        self.disk = LastKnownGood(directory, LIMITS)
        frontend = self

        class Table(AnswerTable):
            def attach(self, position, content, now, held=MappingProxyType({})):  # type: ignore[no-untyped-def]  # as above it
                frontend.deeds.append(f"serve {position.cell}@{position.generation}")
                if frontend.fragile & set(content.services()):
                    raise RuntimeError("a mistake of ours")
                super().attach(position, content, now, held)

            def update(self, position, changed, removed, now, held=MappingProxyType({}), *more):  # type: ignore[no-untyped-def]  # as above it
                frontend.deeds.append(f"serve {position.cell}@{position.generation}")
                if "shop/bad" in changed:
                    raise RuntimeError("a mistake of ours")
                super().update(position, changed, removed, now, held, *more)

        class Keeper(Scribe):
            async def keep(self, snapshots: Iterable[Snapshot]) -> None:
                kept = list(snapshots)
                frontend.keeping += 1
                await frontend.disk_works.wait()
                await super().keep(kept)
                frontend.deeds += [f"keep {s.position.cell}@{s.position.generation}" for s in kept]

        self.scribe = Keeper(self.disk, "f", patience_seconds=60, retry_seconds=0.01)
        zone = ZoneSettings("anchor.internal.", ("127.0.0.1",))
        self.table = Table(zone, "east", ("east",))
        self.applier = Applier("f", self.table, self.scribe, rules)

    def hear(self, word: Word) -> None:
        self.words.append(word)
        verdict = word.finding.rule.value if word.finding else "applied"
        self.deeds.append(f"say {word.position.cell}@{word.position.generation} {verdict}")

    def base(self, given: Snapshot, owner: str = "a") -> Doubt | None:
        cell = given.position.cell
        event = BaseArrived(0.0, given.position, given.tree)
        return self.applier.take(owner, cell, event, self.hear)

    def delta(self, before: Snapshot, after: Snapshot) -> Doubt | None:
        changed, removed = before.tree.difference(after.tree)
        event = DeltaArrived(0.0, after.position, before.position.generation, changed, removed)
        return self.applier.take("a", after.position.cell, event, self.hear)

    def ask(self, name: str, kind: str) -> dns.message.Message:
        responder = Responder(self.table, ClientRegions([]))
        query = dns.message.make_query(f"{name}.shop.svc.anchor.internal.", kind, use_edns=0, id=7)
        reply = responder.respond(query.to_wire(), "192.0.2.1", stream=True)
        assert reply is not None
        return dns.message.from_wire(bytes(reply))

    def told(self, service: str) -> tuple[list[str], str]:
        """The addresses of a service, and what the answer's extended error says."""
        reply = self.ask(service, "A")
        errors = [f"{o.code.value} {o.text}" for o in reply.options if o.otype == OptionType.EDE]
        return [str(each) for rrset in reply.answer for each in rrset], ",".join(errors)

    def why(self, service: str) -> str:
        return "\n".join(map(str, self.ask(f"_why.{service}", "TXT").answer))

    def answers(self) -> dict[tuple[str, str], bytes]:
        """The replies, as they are, to questions of all types."""
        responder = Responder(self.table, ClientRegions([]))
        found = {}
        for service in ("cart", "till", "none"):
            for kind in ("A", "AAAA", "SRV", "TXT"):
                query = dns.message.make_query(
                    f"{service}.shop.svc.anchor.internal.", kind, use_edns=0, id=7
                )
                reply = responder.respond(query.to_wire(), "192.0.2.1", stream=True)
                assert reply is not None
                found[service, kind] = bytes(reply)
        return found


@asynccontextmanager
async def running(
    directory: Path,
    states: Iterable[CellState] = (),
    standings: Standings | None = None,
    rules: Rules | None = None,
) -> AsyncIterator[Frontend]:
    frontend = Frontend(directory, rules or Rules(LIMITS))
    frontend.disk.open()
    recovered = [each for each in frontend.disk.load() if each is not None]
    states = [*states, *(CellState(r.cell, served=r.snapshot) for r in recovered if r.snapshot)]
    frontend.applier.restore(states, standings or {})
    frontend.deeds.clear()
    tasks = [
        asyncio.create_task(frontend.scribe.run()),
        asyncio.create_task(frontend.applier.run()),
    ]
    try:
        yield frontend
    finally:
        frontend.disk_works.set()
        for task in reversed(tasks):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await frontend.scribe.close(60)
        frontend.disk.close()


async def test_a_generation_is_kept_then_served_then_said(tmp_path: Path) -> None:
    """In this order, whatever it is."""
    async with running(tmp_path) as frontend:
        assert frontend.base(snapshot(1)) is None
        assert frontend.deeds == []
        await eventually(lambda: len(frontend.deeds) == 3)
        assert frontend.delta(snapshot(1), snapshot(2)) is None
        await eventually(lambda: len(frontend.deeds) == 6)
        assert frontend.deeds == [
            f"{deed}@{at}{verdict}"
            for at in (1, 2)
            for deed, verdict in (("keep east", ""), ("serve east", ""), ("say east", " applied"))
        ]


async def test_whoever_waits_is_answered_between_the_parts_of_a_step(tmp_path: Path) -> None:
    """From what is served then, which is one generation or the other (I5)."""
    seen: list[tuple[int, dict[tuple[str, str], bytes]]] = []

    def between() -> None:
        seen.append((frontend.table.cells["east"].generation, frontend.answers()))

    async with running(tmp_path / "without") as frontend:
        frontend.base(snapshot(1))
        await eventually(lambda: "say east@1 applied" in frontend.deeds)
        old = frontend.answers()
        frontend.delta(snapshot(1), snapshot(2))
        await eventually(lambda: "say east@2 applied" in frontend.deeds)
        new = frontend.answers()
    assert old != new
    rules = Rules(LIMITS, between=between)
    async with running(
        tmp_path / "with", [CellState("east", snapshot(1))], rules=rules
    ) as frontend:
        frontend.delta(snapshot(1), snapshot(2))
        decided = len(seen)
        await eventually(lambda: "say east@2 applied" in frontend.deeds)
    assert decided >= 3, "before it, between its parts, and after it"
    before = seen[:-1]
    assert len(before) > decided, "and once more when it is its turn to be served"
    assert before == [(1, old)] * len(before)
    assert seen[-1] == (2, new)


async def test_steps_that_come_while_the_disk_is_busy_are_kept_as_one(tmp_path: Path) -> None:
    """And each of them is served, and said, in its turn."""
    async with running(tmp_path) as frontend:
        frontend.disk_works.clear()
        frontend.base(snapshot(1))
        await eventually(lambda: frontend.keeping)
        for at in (2, 3, 4):
            assert frontend.delta(snapshot(at - 1), snapshot(at)) is None
        frontend.disk_works.set()
        await eventually(lambda: "say east@4 applied" in frontend.deeds)
        assert frontend.deeds[3] == "keep east@4"
        assert [deed for deed in frontend.deeds if deed.startswith("serve")] == [
            f"serve east@{at}" for at in (1, 2, 3, 4)
        ]


async def test_what_waits_for_the_disk_is_not_said_to_be_served(tmp_path: Path) -> None:
    """Neither when a stream begins meanwhile, nor when it comes again: what is said is true."""
    async with running(tmp_path) as frontend:
        frontend.base(snapshot(1))
        await eventually(lambda: "say east@1 applied" in frontend.deeds)
        frontend.disk_works.clear()
        frontend.delta(snapshot(1), snapshot(2))
        await asyncio.sleep(0)
        assert frontend.applier.words("a") == []
        frontend.applier.take("a", "east", CheckpointArrived(0.0, 1, 2), frontend.hear)
        frontend.delta(snapshot(1), snapshot(2))
        assert "say east@2 applied" not in frontend.deeds
        frontend.disk_works.set()
        await eventually(lambda: "say east@2 applied" in frontend.deeds)
        said = [(word.position.generation, word.finding) for word in frontend.applier.words("a")]
        assert said == [(2, None)]


async def test_a_refusal_is_said_with_its_rule_and_changes_no_answer(tmp_path: Path) -> None:
    """At once: nothing of it is kept or served."""
    rules = Rules(replace(LIMITS, emptied_floor_services=0))
    async with running(tmp_path, rules=rules) as frontend:
        frontend.base(snapshot(1))
        await eventually(lambda: "say east@1 applied" in frontend.deeds)
        before = frontend.answers()
        frontend.delta(snapshot(1), snapshot(2, bodies={}))
        assert frontend.deeds[3:] == [f"say east@2 {Rule.EMPTIED.value}"]
        assert frontend.answers() == before
        assert [p.generation for p in frontend.applier.heads()] == [2]
        said = [(w.position.generation, bool(w.finding)) for w in frontend.applier.words("a")]
        assert sorted(said) == [(1, False), (2, True)]


async def test_a_lost_name_is_answered_and_labelled_while_the_others_go_on(tmp_path: Path) -> None:
    """With the same records, as stale (EDE 3); the registry is told which name (I7, I20)."""
    both = {"shop/cart": body(), "shop/till": body("till", "10.0.0.2")}
    moved = {"shop/cart": body(address="10.9.9.9")}
    async with running(tmp_path) as frontend:
        frontend.base(snapshot(1, bodies=both))
        await eventually(lambda: "say east@1 applied" in frontend.deeds)
        assert frontend.told("till") == (["10.0.0.2"], "")
        frontend.delta(snapshot(1, bodies=both), snapshot(2, bodies=moved))
        await eventually(lambda: "say east@2 applied" in frontend.deeds)
        assert frontend.told("cart") == (["10.9.9.9"], "")
        assert frontend.told("till") == (["10.0.0.2"], LOST)
        assert "lost_without_deletion" in frontend.why("till")
        assert list(frontend.words[-1].held) == ["shop/till"]
        before = frontend.answers()
    # killed at any moment: what is on disk is what was answered
    async with running(tmp_path) as frontend:
        assert frontend.answers() == before
        assert frontend.told("till") == (["10.0.0.2"], LOST)
        frontend.applier.take("a", "east", CheckpointArrived(0.0, 1, 2), frontend.hear)
        assert list(frontend.words[-1].held) == ["shop/till"]
        # on the registry's own content the chain goes on
        frontend.delta(snapshot(2, bodies=moved), snapshot(3, bodies=both))
        await eventually(lambda: "say east@3 applied" in frontend.deeds)
        assert frontend.told("till") == (["10.0.0.2"], "")
        assert frontend.told("cart") == (["10.0.0.1"], "")
        assert frontend.words[-1].held == {}


def crowd(*down: int, more: int = 0) -> dict[str, bytes]:
    """Six endpoints of one name, some of which are silent; and more that have come since."""
    plan = plan_pb2.ServicePlan(namespace="shop", service="cart")
    for number in range(6 + more):
        well = number not in down
        plan.endpoints.add(
            instance=f"i{number:02d}",
            uid=f"u{number}",
            addresses=[f"10.0.0.{number}"],
            weight=1,
            health=instance_pb2.HEALTH_HEALTHY if well else instance_pb2.HEALTH_UNHEALTHY,
            evidence=instance_pb2.EVIDENCE_VALIDATED if well else instance_pb2.EVIDENCE_TIMEOUT,
        )
    return {"shop/cart": plan.SerializeToString(deterministic=True)}


async def test_endpoints_that_leave_too_fast_stay_in_the_answers_for_a_while(
    tmp_path: Path,
) -> None:
    """As protected ones, over a restart, while others are added; then they go (I8)."""
    first, second = snapshot(1, bodies=crowd()), snapshot(2, bodies=crowd(1, 2, 3))
    third = snapshot(3, bodies=crowd(1, 2, 3, more=1))
    rules = Rules(LIMITS, suspicion_seconds=50.0, merge=merger(LIMITS))
    async with running(tmp_path, rules=rules) as frontend:
        frontend.base(first)
        frontend.delta(first, second)
        await eventually(lambda: "say east@2 applied" in frontend.deeds)
        assert len(frontend.told("cart")[0]) == 6
        assert "mode=protected" in frontend.why("cart")
        assert "evidence=timeout why=unhealthy,removal_held,frontend_name" in frontend.why("cart")
        assert "lost_without_deletion" not in frontend.why("cart")
        assert list(frontend.words[-1].held) == ["shop/cart"]
        before = frontend.answers()
    async with running(tmp_path, rules=rules) as frontend:
        assert frontend.answers() == before
        frontend.delta(second, third)
        await eventually(lambda: "say east@3 applied" in frontend.deeds)
        assert len(frontend.told("cart")[0]) == 7
        for now in (1.0, 49.0):
            frontend.applier.take("a", "east", CheckpointArrived(now, 1, 3), frontend.hear)
        await asyncio.sleep(0)
        assert len(frontend.told("cart")[0]) == 7
        frontend.applier.take("a", "east", CheckpointArrived(50.0, 1, 3), frontend.hear)
        await eventually(lambda: len(frontend.told("cart")[0]) == 4)
        assert "mode=normal" in frontend.why("cart")
        await eventually(lambda: frontend.words[-1].held == {})


async def test_a_held_name_that_is_deleted_is_gone(tmp_path: Path) -> None:
    """A tombstone is explicit intent, which comes first."""
    tomb = {"shop/till": tombstone("till")}
    both = {"shop/cart": body(), "shop/till": body("till")}
    cart = {"shop/cart": body()}
    async with running(tmp_path) as frontend:
        frontend.base(snapshot(1, bodies=both))
        frontend.delta(snapshot(1, bodies=both), snapshot(2, bodies=cart))
        await eventually(lambda: "say east@2 applied" in frontend.deeds)
        assert frontend.told("till") == (["10.0.0.1"], LOST)
        frontend.delta(snapshot(2, bodies=cart), snapshot(3, bodies=cart | tomb))
        await eventually(lambda: "say east@3 applied" in frontend.deeds)
        assert frontend.told("till") == ([], "")
    async with running(tmp_path) as frontend:
        assert frontend.told("till") == ([], "")


@pytest.mark.parametrize(
    ("event", "doubt"),
    [
        (CheckpointArrived(0.0, 1, 9), Doubt.GAP),
        (replace(DeltaArrived(0.0, snapshot(9).position, 8, {}, ())), Doubt.GAP),
        (DeltaArrived(0.0, snapshot(2).position, 1, {}, ()), Doubt.DIGEST),
    ],
)
async def test_a_broken_chain_is_a_doubt(
    tmp_path: Path, event: CheckpointArrived | DeltaArrived, doubt: Doubt
) -> None:
    """The follower is told why the cell is to be asked for whole."""
    async with running(tmp_path) as frontend:
        assert frontend.applier.take("a", "west", event, frontend.hear) is Doubt.NO_BASE
        frontend.base(snapshot(1))
        assert frontend.applier.take("a", "east", event, frontend.hear) is doubt


async def test_a_cell_of_another_cluster_is_not_followed(tmp_path: Path) -> None:
    """Not even asked for again; and nothing of ours is said there."""
    async with running(tmp_path) as frontend:
        frontend.base(snapshot(1))
        await eventually(lambda: "say east@1 applied" in frontend.deeds)
        before = frontend.answers()
        assert frontend.base(snapshot(9), owner="b") is None
        await asyncio.sleep(0.01)
        assert frontend.answers() == before
        assert len(frontend.deeds) == 3
        assert [list(frontend.applier.words(owner)) for owner in "b"] == [[]]
        assert len(frontend.applier.words("a")) == 1


async def test_there_are_so_many_cells_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registry that makes up names does not fill the memory (I9)."""
    monkeypatch.setattr(applier_module, "CELLS_LIMIT", 3)
    async with running(tmp_path) as frontend:
        for number in range(3):
            frontend.applier.take("a", f"c{number}", CheckpointArrived(0.0, 0, 0), frontend.hear)
        with pytest.raises(MalformedMessageError, match="more than 3"):
            frontend.base(snapshot(1))
        assert len(frontend.applier.states()) == 3


BAD = {"shop/cart": body(), "shop/bad": body("bad")}
CART = {"shop/cart": body()}
TILL = {"shop/till": body("till")}


def given(older: list[Snapshot], _: Snapshot) -> list[Snapshot]:
    return older


async def test_one_generation_that_cannot_be_served_hurts_no_other_cell(tmp_path: Path) -> None:
    """A mistake of ours in one cell's content; the others, and its own next ones, go on (I11)."""
    good = {"shop/cart": body(address="10.0.0.7"), "shop/till": body("till")}
    async with running(tmp_path) as frontend:
        frontend.base(snapshot(1, bodies=CART))
        await eventually(lambda: "say east@1 applied" in frontend.deeds)
        frontend.delta(snapshot(1, bodies=CART), snapshot(2, bodies=BAD))
        frontend.base(snapshot(1, cell="west"))
        await eventually(lambda: "say east@2 unservable" in frontend.deeds)
        await eventually(lambda: "say west@1 applied" in frontend.deeds)
        frontend.delta(snapshot(2, bodies=BAD), snapshot(3, bodies=good))
        # it is tried when some time has passed
        frontend.applier.take("a", "east", CheckpointArrived(1e9, 1, 3), frontend.hear)
        await eventually(lambda: "say east@3 applied" in frontend.deeds)
        assert frontend.told("cart")[0] == ["10.0.0.7"]
        assert "say east@2 applied" not in frontend.deeds


async def test_what_could_not_be_served_stays_refused(tmp_path: Path) -> None:
    """Also when the stream begins anew, and when it is sent again whole; the one before is
    answered from, and said to be (I6)."""
    async with running(tmp_path) as frontend:
        frontend.base(snapshot(1, bodies=CART))
        await eventually(lambda: "say east@1 applied" in frontend.deeds)
        before = frontend.answers()
        frontend.delta(snapshot(1, bodies=CART), snapshot(2, bodies=BAD))
        await eventually(lambda: "say east@2 unservable" in frontend.deeds)
        assert frontend.answers() == before
        said = {w.position.generation: w.finding for w in frontend.applier.words("a")}
        assert said[1] is None
        assert said[2] is not None
        assert "a mistake of ours" in said[2].reason
        assert [p.generation for p in frontend.applier.heads()] == [2]
        frontend.deeds.clear()
        frontend.base(snapshot(2, bodies=BAD))
        frontend.applier.take("a", "east", CheckpointArrived(1e9, 1, 2), frontend.hear)
        assert frontend.deeds == ["say east@2 unservable"]
        (state,) = frontend.applier.states()
        assert state.confirmed_at is None or state.confirmed_at < 1e9
    assert [each.cell for each in frontend.applier.states()] == ["east"]


async def test_what_was_accepted_on_what_cannot_be_served_waits_its_turn(tmp_path: Path) -> None:
    """Steps that came while the disk was busy: none is served as if the one before had been."""
    moved = BAD | {"shop/cart": body(address="10.0.0.9")}
    async with running(tmp_path) as frontend:
        frontend.base(snapshot(1, bodies=CART))
        await eventually(lambda: "say east@1 applied" in frontend.deeds)
        before = frontend.answers()
        frontend.disk_works.clear()
        frontend.delta(snapshot(1, bodies=CART), snapshot(2, bodies=BAD))
        frontend.delta(snapshot(2, bodies=BAD), snapshot(3, bodies=moved))
        frontend.disk_works.set()
        await eventually(lambda: "say east@2 unservable" in frontend.deeds)
        assert "say east@3 applied" not in frontend.deeds
        assert frontend.answers() == before
        assert [p.generation for p in frontend.applier.heads()] == [3]
        good = {"shop/cart": body(address="10.0.0.9")}
        frontend.delta(snapshot(3, bodies=moved), snapshot(4, bodies=good))
        at = CheckpointArrived(1e9, 1, 4)
        frontend.applier.take("a", "east", at, frontend.hear)
        await eventually(lambda: "say east@4 applied" in frontend.deeds)
        assert frontend.told("cart") == (["10.0.0.9"], "")


async def test_a_first_generation_that_cannot_be_served_denies_nothing(tmp_path: Path) -> None:
    """The cell is as if it had never been heard of (I17)."""
    async with running(tmp_path) as frontend:
        frontend.deeds.clear()
        frontend.fragile.add("shop/bad")
        frontend.base(snapshot(1, bodies=BAD))
        await eventually(lambda: "say east@1 unservable" in frontend.deeds)
        assert not frontend.table.ready
        assert frontend.ask("none", "A").rcode() == Rcode.SERVFAIL


@pytest.mark.parametrize("older", ["none", "one"])
async def test_what_cannot_be_served_from_disk_stops_no_start(tmp_path: Path, older: str) -> None:
    """An older one is answered from, where the chain stands (I1); other cells go on (I20)."""
    good = [snapshot(1, bodies=CART)] if older == "one" else []
    bad, west = snapshot(2, bodies=BAD), snapshot(7, cell="west")
    frontend = Frontend(tmp_path, Rules(LIMITS))
    frontend.fragile.add("shop/bad")
    states = [CellState("east", served=bad), CellState("west", served=west)]
    frontend.applier.restore(states, {}, lambda failed: good)
    assert set(frontend.table.cells) == ({"east", "west"} if good else {"west"})
    frontend.applier.take("a", "east", CheckpointArrived(0.0, 1, 2), frontend.hear)
    assert frontend.deeds[-1] == "say east@2 unservable"
    assert "say east@2 applied" not in frontend.deeds
    assert [p.generation for p in frontend.applier.heads()] == [2, 7]
    state = frontend.applier.states()[0]
    if good:
        assert state.served is not None
        assert (state.served.order, dict(state.served.tree)) == ((1, 2), dict(good[0].tree))
        assert frontend.told("cart") == (["10.0.0.1"], "")


async def test_a_fault_found_on_disk_is_one_names_matter(tmp_path: Path) -> None:
    """A newer guard finds it: the name is held by an older good entry, and told (I7, I11)."""
    strict = replace(LIMITS, endpoints_per_service=0)
    till = body("till", "10.0.0.9")
    fault = published_of("shop/till", till, strict)
    assert fault.fault
    whole = snapshot(5, bodies={"shop/cart": body(), "shop/till": till})
    found = replace(whole, tree=whole.tree.replace({"shop/till": fault}, ()))
    for older, address in (([], "10.0.0.9"), ([snapshot(3, bodies=TILL)], "10.0.0.1")):
        frontend = Frontend(tmp_path, Rules(LIMITS))
        states = [CellState("east", served=found)]
        frontend.applier.restore(states, {}, partial(given, older))
        assert frontend.told("cart") == (["10.0.0.1"], "")
        assert frontend.told("till") == ([address], LOST)
        frontend.applier.take("a", "east", CheckpointArrived(0.0, 1, 5), frontend.hear)
        assert list(frontend.words[-1].held) == ["shop/till"]


async def test_a_restart_gives_the_same_answers_octet_by_octet(tmp_path: Path) -> None:
    """From base and journal, for what is there and what is not (I16)."""
    async with running(tmp_path) as frontend:
        first = snapshot(1)
        second = snapshot(
            2, bodies={"shop/cart": body(address="10.9.9.9"), "shop/till": body("till")}
        )
        frontend.base(first)
        frontend.delta(first, second)
        await eventually(lambda: "say east@2 applied" in frontend.deeds)
        before = frontend.answers()
    assert b"\x0a\x09\x09\x09" in before["cart", "A"]
    async with running(tmp_path) as frontend:
        assert frontend.answers() == before
        assert frontend.deeds == []


async def test_what_is_known_from_disk_is_said_to_whoever_owns_the_cell(tmp_path: Path) -> None:
    """When it first speaks of it: it may never have heard."""
    state = CellState("east", served=snapshot(4))
    async with running(tmp_path, [state]) as frontend:
        assert frontend.applier.words("a") == []
        frontend.applier.take("a", "east", CheckpointArrived(0.0, 1, 4), frontend.hear)
        assert frontend.deeds == ["say east@4 applied"]
        assert [word.position.generation for word in frontend.applier.words("a")] == [4]


@pytest.mark.parametrize(
    "standings",
    [{"shop/cart": {"x": object()}}, {"shop/cart": {}}, {"": {}}, {"a/b/c": {"eu": 7}}],
)
async def test_standings_that_make_no_sense_do_no_harm(
    tmp_path: Path, standings: Standings
) -> None:
    """The service is judged anew."""
    states = [CellState("east", served=snapshot(4))]
    async with running(tmp_path / "a", states) as frontend:
        expected = frontend.answers()
    async with running(tmp_path / "b", states, standings) as frontend:
        assert frontend.answers() == expected


async def test_a_poisoned_entry_is_refused_with_its_generation(tmp_path: Path) -> None:
    """The guard is asked of every entry, on whichever way it came (I6, F15)."""
    content = {"shop/cart": body(), "shop/bad": body("another")}
    assert published_of("shop/bad", content["shop/bad"], LIMITS).fault
    async with running(tmp_path) as frontend:
        frontend.base(snapshot(1, bodies=content))
        assert frontend.deeds == ["say east@1 malformed"]
