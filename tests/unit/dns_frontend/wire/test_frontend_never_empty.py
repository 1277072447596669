"""Over any history, what a name once answered it answers until it is deleted (I7).

A small model says for each question whether there must be an answer: a cell offers what
any of its validated endpoints ever offered since its last tombstone, or since it was
seen under `scale_to_zero`. The table must agree with it after each event, in both
directions, for every view and for the names pinned to a region.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import dns.message
import dns.name
import dns.rcode
from answer_samples import API, ZONE, endpoint, entries, position, tombstone
from hypothesis import given, settings
from hypothesis import strategies as st

from dns_frontend.plan.entry import (
    CellPosition,
    Endpoint,
    Health,
    Policy,
    Port,
    Protocol,
    ServiceEntry,
)
from dns_frontend.plan.facet import ANY, PORTS, V4, V6, Facet, facets, port_facet
from dns_frontend.plan.zone import ZoneSettings
from dns_frontend.server.responder import Responder
from dns_frontend.wire.table import AnswerTable

REGIONS = ("east", "west")
CELLS = {"east": "east", "east-2": "east", "west": "west"}
QUESTIONS: list[tuple[str, str, Facet]] = [
    ("", "A", V4),
    ("", "AAAA", V6),
    ("", "SRV", PORTS),
    ("", "TXT", ANY),
    ("_http._tcp.", "SRV", port_facet("tcp", "http")),
    ("_gossip._udp.", "SRV", port_facet("udp", "gossip")),
]

ports = st.lists(
    st.sampled_from([Port("http", 80, Protocol.TCP), Port("gossip", 81, Protocol.UDP)]),
    unique=True,
    max_size=2,
).map(tuple)
addresses = st.sampled_from(
    [("10.0.0.1",), ("2001:db8::1",), ("10.0.0.2", "2001:db8::2"), ("10.0.0.3",)]
)


@st.composite
def endpoint_lists(draw: st.DrawFn) -> tuple[Endpoint, ...]:
    names = draw(st.lists(st.sampled_from("abcd"), unique=True, max_size=3))
    return tuple(
        endpoint(
            f"i-{name}",
            *draw(addresses),
            health=draw(st.sampled_from(list(Health))),
            ports=draw(ports),
        )
        for name in sorted(names)
    )


policies = st.sampled_from(
    [
        None,
        None,
        Policy(),
        Policy(exit_hold_seconds=0.0, region_order=("west",)),
        Policy(minimum_endpoints=2, enter_threshold=0.9, exit_threshold=1.0),
        Policy(scale_to_zero=True),
    ]
)
said = st.one_of(
    st.builds(
        lambda e, p, h: ServiceEntry(API, p, e, h, False, 1),
        endpoint_lists(),
        policies,
        st.booleans(),
    ),
    st.builds(
        lambda e, p, h: ServiceEntry(API, p, e, h, False, 1),
        endpoint_lists(),
        policies,
        st.booleans(),
    ),
    st.just(tombstone()),
)
events = st.one_of(
    st.tuples(st.just("update"), st.sampled_from(list(CELLS)), said),
    st.tuples(st.just("update"), st.sampled_from(list(CELLS)), said),
    st.tuples(st.just("load"), st.sampled_from(list(CELLS)), st.none() | said),
    st.tuples(st.just("remove"), st.sampled_from(list(CELLS)), st.none()),
    st.tuples(st.just("wait"), st.sampled_from([1.0, 10.0, 31.0]), st.none()),
    st.tuples(st.just("restart"), st.none(), st.none()),
)


@dataclass
class Model:
    """What must be answered, as simply as it can be said."""

    entries: dict[str, ServiceEntry] = field(default_factory=dict)
    offered: dict[str, set[Facet]] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)

    def policy(self) -> Policy:
        for region in REGIONS:
            for cell in sorted(self.entries):
                one = self.entries[cell]
                if CELLS[cell] == region and one.policy and not one.tombstoned:
                    return one.policy
        return Policy()

    def put(self, cell: str, one: ServiceEntry) -> None:
        self.entries[cell] = one
        self.dropped.discard(cell)
        now = facets(e for e in one.endpoints if e.health is not Health.UNKNOWN)
        if one.tombstoned:
            self.offered[cell] = set()
        elif self.policy().scale_to_zero:
            self.offered[cell] = now
        else:
            self.offered[cell] = self.offered.get(cell, set()) | now

    def drop(self, cell: str) -> None:
        one = self.entries.get(cell)
        if one is None or cell in self.dropped:
            return  # what is not mentioned cannot cease to be
        if one.tombstoned:
            del self.entries[cell]
            return
        self.dropped.add(cell)
        if self.policy().scale_to_zero:
            self.offered[cell] = set()

    def alive(self, region: str) -> bool:
        return any(
            not one.tombstoned and region in ("", CELLS[cell]) for cell, one in self.entries.items()
        )

    def offers(self, facet: Facet, region: str) -> bool:
        return any(
            facet in offered and region in ("", CELLS[cell])
            for cell, offered in self.offered.items()
        )


class World:
    """A frontend beside its model."""

    def __init__(self) -> None:
        self.now = 0.0
        self.generation = 1
        self.model = Model()
        self.says: dict[str, ServiceEntry | None] = dict.fromkeys(CELLS)
        """What the cells themselves would say to a frontend that asks anew."""
        self.start()
        self.reload()

    def start(self) -> None:
        self.table = AnswerTable(ZoneSettings(ZONE), "east", REGIONS)
        self.responder = Responder(self.table)

    def reload(self) -> None:
        for cell, region in CELLS.items():
            one = self.says[cell]
            self.table.load(
                position(cell, self.generation, region), entries(one) if one else {}, self.now
            )

    def happen(self, kind: str, what: object, one: ServiceEntry | None) -> None:
        self.now += 1.0
        match kind:
            case "update":
                assert isinstance(what, str)
                assert one is not None
                self.generation += 1
                self.says[what] = one
                self.model.put(what, one)
                self.table.update(self.at(what), entries(one), (), self.now)
            case "load":
                assert isinstance(what, str)
                self.generation += 1
                self.says[what] = one
                if one is None:
                    self.model.drop(what)
                else:
                    self.model.put(what, one)
                self.table.load(self.at(what), entries(one) if one else {}, self.now)
            case "remove":
                assert isinstance(what, str)
                self.generation += 1
                self.says[what] = None
                self.model.drop(what)
                self.table.update(self.at(what), {}, [API.entry], self.now)
            case "wait":
                assert isinstance(what, float)
                self.now += what
                self.table.review(self.now)
            case "restart":
                before = self.everything()
                kept = json.loads(json.dumps(self.table.standings()))
                self.start()
                self.now += 1.0
                self.reload()
                self.table.restore(kept)
                # the serial number apart, which follows the generations that were reloaded
                assert self.everything() == before

    def at(self, cell: str) -> CellPosition:
        return position(cell, self.generation, CELLS[cell])

    def ask(self, prefix: str, kind: str, region: str, view: str = "east") -> dns.message.Message:
        pin = f".{region}.region" if region else ""
        name = f"{prefix}api.payments.svc{pin}.{ZONE}"
        query = dns.message.make_query(name, kind, id=1, use_edns=0)
        if view != "east":
            body = self.table.find(name_wire(name), query.question[0].rdtype, view)
            head = query.to_wire()[:2] + body.full_heads[0] + query.question[0].name.to_wire()
            head += query.to_wire()[len(head) : len(head) + 4]
            return dns.message.from_wire(head + body.full)
        reply = self.responder.respond(query.to_wire(), "192.0.2.1", stream=True)
        assert reply is not None
        return dns.message.from_wire(reply)

    def everything(self) -> list[str]:
        return [
            "\n".join(str(rrset) for rrset in reply.answer + reply.additional)
            for region in ("", *REGIONS)
            for prefix, kind, _ in QUESTIONS
            for reply in [self.ask(prefix, kind, region)]
        ]

    def check(self) -> None:
        for region in ("", *REGIONS):
            for prefix, kind, facet in QUESTIONS:
                for view in ("east", "west"):
                    self.check_one(prefix, kind, facet, region, view)

    def check_one(self, prefix: str, kind: str, facet: Facet, region: str, view: str) -> None:
        reply = self.ask(prefix, kind, region, view)
        alive = self.model.alive(region)
        due = alive and self.model.offers(facet, region)
        if self.model.policy().scale_to_zero and not reply.answer:
            # what is left to answer is then what is offered at present
            due = False
        assert bool(reply.answer) >= due, (prefix, kind, region, view, reply)
        if not alive:
            assert reply.rcode() == dns.rcode.NXDOMAIN
        elif not prefix:
            assert reply.rcode() == dns.rcode.NOERROR
        if reply.answer:
            assert due


def name_wire(name: str) -> bytes:
    return dns.name.from_text(name).to_wire()


@settings(max_examples=60, deadline=None)
@given(st.lists(events, max_size=12))
def test_no_history_empties_a_name_but_deletion_or_scale_to_zero(
    history: list[tuple[str, object, ServiceEntry | None]],
) -> None:
    world = World()
    for event in history:
        world.happen(*event)
        world.check()
    assert world.table.faults == 0
    assert world.responder.counters.faults == 0
