"""A cell that is read where it is asked for answers as one that was read at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import dns.message
import pytest
from answer_samples import ZONE, endpoint, position
from hypothesis import given, settings
from hypothesis import strategies as st

from dns_frontend.plan import ledgers
from dns_frontend.plan.entry import (
    ZONE_KEY,
    AllDown,
    Health,
    Policy,
    ServiceEntry,
    ServiceKey,
)
from dns_frontend.plan.zone import ZoneSettings
from dns_frontend.plan.zone_wish import ZoneWish
from dns_frontend.server.responder import Responder
from dns_frontend.wire import answers as answers_module
from dns_frontend.wire.table import AnswerTable

REGIONS = ("east", "west")
CELLS = {"east": "east", "east-2": "east", "west": "west"}
SERVICES = [ServiceKey("shop", name) for name in ("cart", "till", "rack", "desk")]
SERVICES.append(ServiceKey("lab", "cart"))
SERVICES.append(ZONE_KEY)
Said = dict[str, ServiceEntry]


class Unread:
    """Entries that are looked up one by one, and counted but for the zone's own."""

    def __init__(self, entries: Mapping[str, ServiceEntry]) -> None:
        self._entries = dict(entries)
        self.read = 0

    @property
    def namespaces(self) -> Mapping[str, int]:
        alive = [each.key.namespace for each in self._entries.values() if not each.tombstoned]
        return {namespace: alive.count(namespace) for namespace in alive}

    @property
    def diverted(self) -> frozenset[str]:
        return frozenset()

    def entry(self, key: str) -> ServiceEntry | None:
        self.read += key != ZONE_KEY.entry
        return self._entries.get(key)

    def services(self) -> Iterator[str]:
        return iter(self._entries)


def said(key: ServiceKey, *health: Health, policy: Policy | None = None) -> ServiceEntry:
    found = tuple(
        endpoint(f"i{number}", f"10.0.0.{number + 1}", health=each)
        for number, each in enumerate(health)
    )
    return ServiceEntry(key, policy, found, False, False, 1)


entries_of = st.builds(
    lambda key, health, policy, tombstoned, held: replace(
        said(key, *(() if tombstoned else health), policy=policy),
        tombstoned=tombstoned,
        held=held and not tombstoned,
    ),
    st.sampled_from(SERVICES),
    st.lists(
        st.sampled_from([Health.HEALTHY, Health.HEALTHY, Health.UNHEALTHY, Health.UNKNOWN]),
        max_size=3,
    ),
    st.sampled_from(
        [
            None,
            None,
            Policy(scale_to_zero=True),
            Policy(enter_hold_seconds=5.0),
            Policy(all_down=AllDown.LAST_KNOWN_GOOD),
            Policy(region_order=("west",)),
            Policy(overprovisioning=1.4),
            Policy(zone=ZoneWish(3, 9)),
        ]
    ),
    st.sampled_from([False, False, False, True]),
    st.sampled_from([False, False, False, True]),
)
contents = st.lists(entries_of, max_size=5).map(lambda found: {e.key.entry: e for e in found})
steps = st.lists(
    st.one_of(
        st.tuples(st.just("update"), st.sampled_from(sorted(CELLS)), contents),
        st.tuples(st.just("remove"), st.sampled_from(sorted(CELLS)), st.sampled_from(SERVICES)),
        st.tuples(st.just("lose"), st.sampled_from(sorted(CELLS)), st.sampled_from(SERVICES)),
        st.tuples(st.just("ask"), st.sampled_from(SERVICES), st.none()),
        st.tuples(st.just("wait"), st.sampled_from([1.0, 5.0, 31.0]), st.none()),
        st.tuples(st.just("restart"), st.none(), st.none()),
        st.tuples(st.just("move"), st.sampled_from(sorted(CELLS)), st.none()),
        st.tuples(st.just("look"), st.none(), st.none()),
    ),
    max_size=12,
)


def fresh(**zone: Any) -> AnswerTable:
    return AnswerTable(ZoneSettings(ZONE, ("127.0.0.1",), **zone), "east", REGIONS)


def replies(table: AnswerTable, services: list[ServiceKey]) -> dict[tuple[str, str], bytes]:
    """What is said to questions of all kinds, as octets."""
    responder = Responder(table)
    found = {}
    names = [f"{prefix}{s.service}.{s.namespace}.svc.{ZONE}" for s in services for prefix in
             ("", "i0.", "i7.")]  # fmt: skip
    names += [f"{s.service}.{s.namespace}.svc.west.region.{ZONE}" for s in services]
    names += [f"{namespace}.svc.{ZONE}" for namespace in ("shop", "lab", "void")]
    for name in names:
        for kind in ("A", "SRV"):
            query = dns.message.make_query(name, kind, use_edns=0, id=7).to_wire()
            reply = responder.respond(query, "192.0.2.1", stream=True)
            assert reply is not None
            found[name, kind] = reply
    return found


class Pair:
    """Two tables that hear the same; one reads a cell at once, one where it is asked for."""

    def __init__(self, begin: Mapping[str, Said]) -> None:
        self.now = 0.0
        self.generation = 1
        self.content: dict[str, Said] = {cell: dict(begin[cell]) for cell in CELLS}
        self.held: dict[str, Said] = {cell: {} for cell in CELLS}
        self.restart({}, {})

    def restart(self, eager: Any, lazy: Any) -> None:
        self.eager, self.lazy = fresh(), fresh()
        for cell, said_there in self.content.items():
            at = position(cell, self.generation, CELLS[cell])
            held = self.held[cell]
            self.eager.load(at, said_there, self.now, held)
            self.lazy.attach(at, Unread(said_there), self.now, held)
        self.eager.restore(eager)
        self.lazy.restore(lazy)

    def step(self, cell: str, changed: Said, removed: list[str], lost: Said) -> None:
        self.generation += 1
        kept = {key: each for key, each in self.held[cell].items() if key not in changed}
        self.held[cell] = {key: each for key, each in kept.items() if key not in removed} | lost
        self.content[cell] = {
            key: each for key, each in {**self.content[cell], **changed}.items()
            if key not in removed and key not in lost
        }  # fmt: skip
        at = position(cell, self.generation, CELLS[cell])
        self.eager.update(at, changed, removed, self.now, lost)
        self.lazy.update(at, changed, removed, self.now, lost, Unread(self.content[cell]))

    def look(self) -> None:
        assert replies(self.lazy, SERVICES) == replies(self.eager, SERVICES)


@pytest.mark.parametrize("maximum", [1, 3])
@given(st.fixed_dictionaries(dict.fromkeys(CELLS, contents)), steps)
@settings(max_examples=60, deadline=None)
def test_any_history_is_answered_alike(
    maximum: int, begin: dict[str, Said], history: list[tuple[Any, ...]]
) -> None:
    """Also when ledgers are closed and answers forgotten all the time, and over restarts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledgers, "OPEN_MAXIMUM", maximum)
        patch.setattr(answers_module, "ANSWERS_MAXIMUM", maximum)
        pair = Pair(begin)
        for verb, what, more in history:
            match verb:
                case "update":
                    pair.step(what, more, [], {})
                case "remove":
                    if more.entry in pair.content[what] | pair.held[what]:
                        pair.step(what, {}, [more.entry], {})
                case "lose":
                    entry = pair.content[what].get(more.entry)
                    if entry is not None and not entry.tombstoned:
                        pair.step(what, {}, [], {more.entry: entry})
                case "ask":
                    replies(pair.lazy, [what])
                case "wait":
                    pair.now += what
                    pair.eager.review(pair.now)
                    pair.lazy.review(pair.now)
                case "restart":
                    pair.restart(pair.eager.standings(), pair.lazy.standings())
                case "move":
                    pair.lazy.move(what, Unread(pair.content[what]))
                case "look":
                    pair.look()
        pair.look()
        assert pair.eager.faults == pair.lazy.faults == 0


def test_attaching_reads_nothing() -> None:
    """But the zone's settings, so that a start costs the same, whatever there is."""
    table = fresh()
    content = Unread({key.entry: said(key, Health.HEALTHY) for key in SERVICES})
    for region in REGIONS:
        table.attach(position(region), content, 0.0)
    table.restore({})
    assert content.read == 0
    replies(table, SERVICES[:1])
    assert content.read == len(REGIONS), "the one service that was asked for, in each cell"


def test_so_many_ledgers_are_open_and_answers_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for all there is makes memory no larger than that (I9)."""
    monkeypatch.setattr(ledgers, "OPEN_MAXIMUM", 16)
    monkeypatch.setattr(answers_module, "ANSWERS_MAXIMUM", 16)
    keys = [ServiceKey("shop", f"s{number}") for number in range(100)]
    table = fresh()
    table.attach(
        position("east"), Unread({key.entry: said(key, Health.HEALTHY) for key in keys}), 0.0
    )
    for key in keys:
        replies(table, [key])
    assert len(table.services) <= 16
    assert len(table.answers("east")) <= 16


def test_what_its_cells_do_not_bring_back_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """A region that was left is not taken again because others were asked for meanwhile."""
    monkeypatch.setattr(ledgers, "OPEN_MAXIMUM", 1)
    cart, others = SERVICES[0], SERVICES[1:]
    well, sick = said(cart, Health.HEALTHY), said(cart, Health.UNHEALTHY)
    rest = {key.entry: said(key, Health.HEALTHY) for key in others}
    table = fresh()
    table.attach(position("east"), Unread({**rest, cart.entry: sick}), 0.0)
    table.attach(position("west"), Unread({cart.entry: well}), 0.0)
    table.update(
        position("east", 2), {cart.entry: well}, (), 1.0, content=Unread({**rest, cart.entry: well})
    )
    replies(table, others)
    assert cart in table.services
    ledger = table.service(cart)
    assert ledger is not None
    assert ledger.standings["east"].out, "well again, but not for its hold"


def test_an_entry_that_cannot_be_taken_keeps_what_was_known() -> None:
    """It harms its own service alone, and closing and opening does not make it worse (I11)."""
    cart, till = SERVICES[:2]
    good = said(cart, Health.HEALTHY)
    bad = replace(good, endpoints=(None,))  # type: ignore[arg-type]  # nonsense, on purpose
    table = fresh()
    for region in REGIONS:
        table.attach(
            position(region), Unread({e.entry: said(e, Health.HEALTHY) for e in (cart, till)}), 0.0
        )
    before = replies(table, [cart])
    table.update(position("east", 2), {cart.entry: bad}, (), 1.0, content=Unread({cart.entry: bad}))
    assert table.faults == 1
    now = replies(table, [cart])
    name = f"cart.shop.svc.{ZONE}"
    assert now[name, "A"] == before[name, "A"]
    replies(table, [till])


@pytest.mark.parametrize("where", [["east"], ["west"], ["east", "west"]])
def test_reverse_zones_know_all_addresses_at_once(where: list[str]) -> None:
    """A name in them is denied only when nobody has the address."""
    table = fresh(reverse_networks=("10.0.0.0/24",))
    for region in REGIONS:
        entry = said(SERVICES[0], Health.HEALTHY)
        content = Unread({entry.key.entry: entry} if region in where else {})
        table.attach(position(region), content, 0.0)
    query = dns.message.make_query("1.0.0.10.in-addr.arpa.", "PTR")
    reply = Responder(table).respond(query.to_wire(), "192.0.2.1")
    assert reply is not None
    assert "i0.cart.shop.svc" in str(dns.message.from_wire(reply).answer[0])
