"""A worker that hears of every change answers with the octets of its frontend."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import dns.message
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dns_frontend.feed import base, record
from dns_frontend.feed.answering import Answering
from dns_frontend.feed.change import Begun, Change, Forgotten, Marked, Moved, Stepped
from dns_frontend.feed.decode import published_of
from dns_frontend.feed.record import DamagedError
from dns_frontend.feed.staging import Staging
from dns_frontend.plan.cell import Serve, Snapshot
from dns_frontend.plan.digest import EntryTree
from dns_frontend.plan.entry import CellPosition
from dns_frontend.plan.guard import Limits
from dns_frontend.plan.holding import turn
from dns_frontend.plan.role import Role
from dns_frontend.plan.zone import ZoneSettings
from dns_frontend.server.responder import Responder
from dns_frontend.wire.table import AnswerTable
from dns_frontend.workers.frame import FrameError, Kind, pack, unpack
from dns_frontend.workers.memory import Memory, mapped
from dns_frontend.workers.retelling import change_of, letter, letter_of
from sheetanchor.v1 import instance_pb2, plan_pb2

LIMITS = Limits()
CELLS = {"east": "east", "east-2": "east", "west": "west"}
SERVICES = ("cart", "till", "rack")
Bodies = Mapping[str, bytes]


def entry(service: str, *health: int, hold: float = 0.0, load: float = 0.0) -> bytes:
    """What a cell says of a service with endpoints of such health."""
    made = plan_pb2.ServicePlan(namespace="shop", service=service)
    if hold or load:
        made.policy.failover.enter_hold.FromMilliseconds(int(hold * 1000))
        made.policy.failover.overprovisioning = load
    for number, each in enumerate(health):
        made.endpoints.add(
            instance=f"i{number}",
            uid=f"uid-{number}",
            addresses=[f"10.0.0.{number + 1}"],
            ports=[instance_pb2.Port(name="main", number=8080)],
            weight=1,
            health=each,  # type: ignore[arg-type]  # a value of the enumeration
            evidence=instance_pb2.EVIDENCE_VALIDATED,
        )
    return made.SerializeToString(deterministic=True)


def gone(service: str) -> bytes:
    tombstone = plan_pb2.Tombstone()
    made = plan_pb2.ServicePlan(namespace="shop", service=service, tombstone=tombstone)
    return made.SerializeToString(deterministic=True)


def snapshot(cell: str, generation: int, bodies: Bodies, held: Bodies) -> Snapshot:
    def read(octets: Bodies) -> dict[str, object]:
        return {key: published_of(key, body, LIMITS) for key, body in octets.items()}

    tree = EntryTree().replace(read(bodies), ())  # type: ignore[arg-type]  # published
    position = CellPosition(cell, CELLS[cell], 1, generation, tree.digest, 1_700_000_000_000)
    return Snapshot(position, tree, read(held))  # type: ignore[arg-type]  # as above


class Worker:
    """What hears, without a process: letters are packed, and read again."""

    def __init__(self, role: Role) -> None:
        self.table = AnswerTable(
            ZoneSettings("anchor.internal.", ("127.0.0.1",)), "east", ("east", "west")
        )
        # it never asks a clock of its own: all times come with what it hears
        self.answering = Answering("f", self.table, Staging(role), _no_clock, _no_clock)

    def tell(self, change: Change) -> None:
        written = letter_of(change)
        if isinstance(change, Begun | Moved):
            written.body = Memory(base.encode(change.snapshot))
        body = written.body
        assert body is not None
        message = pack(written.kind, 1, written.head, body)

        def place(size: int):  # type: ignore[no-untyped-def]  # a mapping
            assert isinstance(body, Memory)
            return mapped(body.descriptor, size)

        heard = change_of(unpack(message, place), dict(self.answering.now))
        assert self.answering.follow(heard) == ""


def _no_clock() -> float:
    raise AssertionError("a worker goes by its frontend's time")


class Frontend:
    """What is told of, with the one who hears."""

    def __init__(self, role: Role = Role.SERVING) -> None:
        self.now = 100.0
        self.role = role
        self.worker = Worker(role)
        self.table = AnswerTable(
            ZoneSettings("anchor.internal.", ("127.0.0.1",)), "east", ("east", "west")
        )
        self.answering = Answering(
            "f",
            self.table,
            Staging(role),
            lambda: self.now,
            lambda: 1_700_000_000.0 + self.now,
            self,
        )

    def tell(self, change: Change) -> None:
        self.worker.tell(change)

    def when_served(self, then: Callable[[], None]) -> None:
        then()

    def publish(self, cell: str, bodies: Bodies, held: Bodies) -> None:
        before = self.answering.now.get(cell)
        generation = before.position.generation + 1 if before else 1
        after = snapshot(cell, generation, bodies, held)
        if before is None:
            assert self.answering.begin(after) == ""
            return
        changed, removed, kept = turn(before.tree, before.held, after.tree, after.held)
        assert self.answering.take(Serve(after, changed, removed, whole=False, held=kept)) == ""

    def new_worker(self) -> None:
        """One that hears of all there is, as after the end of the other."""
        self.worker = Worker(self.role)
        for change in self.answering.all():
            self.worker.tell(change)

    def look(self) -> None:
        assert replies(self.table) == replies(self.worker.table)


def replies(table: AnswerTable) -> dict[tuple[str, str], bytes]:
    """What is said to questions of all kinds, as octets."""
    responder = Responder(table)
    found = {}
    for service in (*SERVICES, "none"):
        name = f"{service}.shop.svc"
        for asked in (name, f"i0.{name}", f"_why.{name}", f"{name}.west.region"):
            for kind in ("A", "SRV", "TXT"):
                query = dns.message.make_query(
                    f"{asked}.anchor.internal.", kind, use_edns=0, id=7
                ).to_wire()
                reply = responder.respond(query, "192.0.2.1", stream=True)
                assert reply is not None
                found[asked, kind] = reply
    return found


entries = st.one_of(
    st.builds(
        lambda service, health, hold, load: (
            f"shop/{service}",
            entry(service, *health, hold=hold, load=load),
        ),
        st.sampled_from(SERVICES),
        st.lists(
            st.sampled_from(
                [
                    instance_pb2.HEALTH_HEALTHY,
                    instance_pb2.HEALTH_HEALTHY,
                    instance_pb2.HEALTH_UNHEALTHY,
                    instance_pb2.HEALTH_DRAINING,
                ]
            ),
            max_size=3,
        ),
        st.sampled_from([0.0, 0.0, 5.0]),
        st.sampled_from([0.0, 0.0, 1.4]),
    ),
    st.sampled_from(SERVICES).map(lambda service: (f"shop/{service}", gone(service))),
)
contents = st.lists(entries, max_size=4).map(dict)
cells = st.sampled_from(sorted(CELLS))
steps = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), cells, contents, contents),
        st.tuples(st.just("publish"), cells, contents, st.just({})),
        st.tuples(st.just("wait"), st.sampled_from([1.0, 5.0, 31.0])),
        st.tuples(st.just("move"), cells),
        st.tuples(st.just("forget"), cells),
        st.tuples(st.just("mark"), st.sets(cells), st.sets(st.sampled_from(["east", "west"]))),
        st.tuples(st.just("look")),
    ),
    max_size=10,
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([Role.SERVING, Role.SERVING, Role.CANARY]), steps)
def test_a_worker_answers_with_the_same_octets(role: Role, history: list[tuple]) -> None:  # type: ignore[type-arg]  # each kind of step has its own
    """Whatever happened: steps, names held, cells forgotten, holds run out, marks."""
    frontend = Frontend(role)
    for what, *of in history:
        frontend.now += 0.25
        match what:
            case "publish":
                frontend.publish(*of)
            case "wait":
                frontend.now += of[0]
                frontend.answering.review(frontend.now)
            case "move" if of[0] in frontend.answering.now:
                served = frontend.answering.now[of[0]]
                frontend.answering.moving.add(of[0])
                frontend.answering.move({of[0]: _State(served)})  # type: ignore[dict-item]  # of a state it looks at this alone
            case "forget":
                frontend.answering.take_back(of[0], None)
            case "mark":
                frontend.answering.mark(Marked(frozenset(of[0]), frozenset(of[1])))
            case "look":
                frontend.look()
    frontend.look()


class _State:
    def __init__(self, served: Snapshot) -> None:
        self.served = served


WELL, SICK = instance_pb2.HEALTH_HEALTHY, instance_pb2.HEALTH_UNHEALTHY


def test_a_new_worker_answers_as_those_that_heard_all() -> None:
    """Also what no cell says: a region that has to earn its return, a name of the past."""
    frontend = Frontend()
    for cell in CELLS:
        frontend.publish(
            cell, {"shop/cart": entry("cart", WELL), "shop/till": entry("till", WELL)}, {}
        )
    frontend.publish(
        "east", {"shop/cart": entry("cart", SICK), "shop/till": entry("till", WELL)}, {}
    )
    frontend.publish(
        "east-2", {"shop/cart": entry("cart", SICK)}, {"shop/till": entry("till", WELL)}
    )
    frontend.answering.mark(Marked(frozenset({"west"}), frozenset({"west"})))
    frontend.publish(
        "east", {"shop/cart": entry("cart", WELL), "shop/till": entry("till", WELL)}, {}
    )
    assert frontend.table.standings() != {}
    frontend.look()
    frontend.new_worker()
    frontend.look()
    # and goes on from there
    frontend.publish("west", {"shop/cart": entry("cart", WELL), "shop/till": gone("till")}, {})
    frontend.look()


def test_a_step_from_elsewhere_is_refused_and_changes_nothing() -> None:
    """Be it lost or out of order: what is answered stays what was verified (I6)."""
    frontend = Frontend()
    one = snapshot("east", 1, {"shop/cart": entry("cart", WELL)}, {})
    two = snapshot("east", 2, {"shop/cart": entry("cart", WELL, WELL)}, {})
    three = snapshot("east", 3, {"shop/cart": entry("cart", WELL, WELL, WELL)}, {})
    frontend.answering.begin(one)
    before = replies(frontend.worker.table)
    changed, removed, _ = turn(two.tree, {}, three.tree, {})
    told = letter_of(Stepped(two, Serve(three, changed, removed, whole=False), 1.0, 1.0))
    assert isinstance(told.body, bytes)
    frame = unpack(pack(told.kind, 1, told.head, told.body), _nothing_placed)
    with pytest.raises(FrameError, match="follows"):
        change_of(frame, frontend.worker.answering.now)
    with pytest.raises(FrameError, match="STEPPED"):
        change_of(frame, {})
    # a step that says it is the next one, and leads elsewhere
    step = record.Step(three.position, one.order, (), ())
    told = letter(Kind.STEPPED, {"now": 1.0, "wall": 1.0}, record.step_octets(step))
    assert isinstance(told.body, bytes)
    frame = unpack(pack(told.kind, 1, told.head, told.body), _nothing_placed)
    with pytest.raises(DamagedError, match="lacks its digest"):
        change_of(frame, frontend.worker.answering.now)
    assert replies(frontend.worker.table) == before


@pytest.mark.parametrize(
    "told",
    [
        letter(Kind.BEGUN, {"now": 1.0, "wall": 1.0}, b"no base"),
        letter(Kind.BEGUN, {}, b""),
        letter(Kind.STEPPED, {"now": 1.0, "wall": 1.0}, b"no step"),
        letter(Kind.STEPPED, {"now": 1.0, "wall": 1.0}, b""),
        letter(Kind.FORGOTTEN, {}),
        letter(Kind.RECALLED, {}, b"["),
        letter(Kind.MARKED, {}, b"{}"),
        letter(Kind.REVIEWED, {"now": "soon"}),
        letter(Kind.SERVE),
    ],
    ids=lambda told: f"{told.kind.name} {told.head!r} {told.body!r}",
)
def test_what_makes_no_sense_is_told_as_such(told) -> None:  # type: ignore[no-untyped-def]  # a letter
    """A worker asks for all then; nothing else comes of it."""
    frame = unpack(pack(told.kind, 1, told.head, told.body), _nothing_placed)
    with pytest.raises((FrameError, DamagedError)):
        change_of(frame, {})


def test_a_base_of_which_an_octet_was_changed_is_no_base() -> None:
    """Its own checksums and digests are looked at, beside those of the frame."""
    whole = b"".join(base.encode(snapshot("east", 1, {"shop/cart": entry("cart", WELL)}, {})))
    for place in range(0, len(whole), 7):
        turned = bytearray(whole)
        turned[place] ^= 1
        told = letter(Kind.BEGUN, {"now": 1.0, "wall": 1.0}, bytes(turned))
        assert isinstance(told.body, bytes)
        frame = unpack(pack(told.kind, 1, told.head, told.body), _nothing_placed)
        with pytest.raises((FrameError, DamagedError)):
            change_of(frame, {})


def _nothing_placed(size: int):  # type: ignore[no-untyped-def]  # it never returns
    raise AssertionError(f"{size} octets were to be placed")


def test_forgetting_a_cell_denies_nothing_of_its_region() -> None:
    """At the worker as well (I17)."""
    frontend = Frontend()
    for cell in ("east", "west"):
        frontend.publish(cell, {"shop/cart": entry("cart", WELL)}, {})
    frontend.answering.take_back("west", None)
    frontend.worker.tell(Forgotten("west"))
    assert frontend.worker.table.missing_regions == ("west",)
    frontend.look()
