"""Three loops, one behaviour: the same datagram gets the same octets and the same counts."""

from __future__ import annotations

import os
import random
import socket
from pathlib import Path

import pytest
from answer_samples import API_NAME, ZONE, endpoint, entry, example, position, table
from dns_messages import message, opt, option
from loop_pair import HOME, OTHER, LoopPair
from query_source import QuerySource

from dns_frontend.plan.view import ClientRegions
from dns_frontend.server.responder import Responder
from dns_frontend.server.settings import ServerSettings, UdpLoop
from dns_frontend.server.udp import REFUSED_PORTS, Batch, UdpServer

needs_batch = pytest.mark.skipif(Batch is None, reason="not built here; a C compiler builds it")
LOOPS = (
    pytest.param(UdpLoop.PYTHON, id="python"),
    pytest.param(UdpLoop.BATCH, id="batch", marks=needs_batch),
)
PACKETS = int(os.environ.get("LOOP_PACKETS", "6000"))
SEED = int(os.environ.get("LOOP_SEED", "1"))
NAMES = (
    API_NAME,
    f"seven.payments.svc.{ZONE}",
    f"many.payments.svc.{ZONE}",
    f"sick.payments.svc.{ZONE}",
    f"gone.payments.svc.{ZONE}",
    f"_http._tcp.{API_NAME}",
    f"api-1.{API_NAME}",
    f"absent.{API_NAME}",
    f"seven-9.seven.payments.svc.{ZONE}",
    f"_why.{API_NAME}",
    f"payments.svc.{ZONE}",
    f"api.payments.svc.west.region.{ZONE}",
    f"west.region.{ZONE}",
    f"svc.{ZONE}",
    f"ns1.{ZONE}",
    f"absent.payments.svc.{ZONE}",
    f"a.b.c.absent.payments.svc.{ZONE}",
    f"absent.{ZONE}",
    ZONE,
    "example.com.",
    "version.bind.",
)


def test_all_loops_give_the_same_octets_for_whatever_comes(tmp_path: Path) -> None:
    """In batches of any size, while cells change; `LOOP_PACKETS=100000` is the long run."""
    chance = random.Random(SEED)
    with LoopPair(example, tmp_path) as pair:
        sources = {
            client: QuerySource(SEED + number, NAMES, [pair.cookie(client), pair.cookie(HOME)])
            for number, client in enumerate((HOME, OTHER))
        }
        sent = generation = 0
        while sent < PACKETS:
            client = chance.choice((HOME, HOME, OTHER))
            batch = [sources[client].packet() for _ in range(chance.randrange(1, 80))]
            sent += len(batch)
            assert pair.differ(batch, client) == ""
            if chance.random() < 0.05:
                generation += 1
                change = {"payments/api": entry(endpoint("api-1", f"10.0.0.{generation % 250}"))}
                for side in pair.sides:
                    side.responder.table.update(
                        position("east", 1 + generation), change, (), float(generation)
                    )
            if chance.random() < 0.02:
                stale = frozenset(chance.sample(["east", "west"], chance.randrange(3)))
                for side in pair.sides:
                    side.responder.table.mark_stale(stale)
        assert [side.responder.counters.faults for side in pair.sides] == [0] * len(pair.sides)


def test_all_loops_answer_alike_from_the_address_that_was_asked(tmp_path: Path) -> None:
    """Where they listen at all addresses."""
    with LoopPair(example, tmp_path, "0.0.0.0") as pair:
        source = QuerySource(SEED, NAMES, [pair.cookie(HOME)])
        for _ in range(20):
            assert pair.differ([source.packet() for _ in range(20)]) == ""
        assert pair.python.responder.counters.queries_udp >= 300


def test_a_name_denied_is_answered_once_it_is_there(tmp_path: Path) -> None:
    """What a loop denies by itself comes from what the table knows now."""
    late = message(f"late.payments.svc.{ZONE}", 1)
    with LoopPair(example, tmp_path) as pair:
        assert pair.differ([late]) == ""
        absent = message(f"absent.{API_NAME}", 1)
        for side in pair.sides:
            assert [reply[3] & 0xF for reply in side.exchange([late, absent, absent], HOME)] == [
                3
            ] * 3
        late_key = type(entry().key)("payments", "late")
        change = {
            "payments/late": entry(endpoint("l", "10.0.0.77"), key=late_key),
            "payments/api": entry(endpoint("absent", "10.0.0.78")),
        }
        for side in pair.sides:
            side.responder.table.update(position("east", 2), change, (), 1.0)
            for asked, last in ((late, 77), (absent, 78)):
                assert bytes((10, 0, 0, last)) in side.exchange([asked], HOME)[0]


def test_what_lives_below_a_name_is_told_from_what_does_not(tmp_path: Path) -> None:
    """However often it is denied, whatever the type; and for what lives there nothing is."""
    with LoopPair(example, tmp_path) as pair:
        names = [f"absent.{API_NAME}", f"x{API_NAME}", f"api-1.{API_NAME}", f"_why.{API_NAME}"]
        names += [f"{'y' * 63}.{API_NAME}", f"a.b.{API_NAME}", API_NAME]
        asked = [message(name, kind) for name in names for kind in (1, 28, 255, 251, 252)]
        asked += [message(name, 1, class_=3) for name in names]
        for _ in range(3):
            assert pair.differ(asked) == ""
        for side in pair.sides:
            replies = side.exchange([message(name, 1) for name in names[:4]], HOME)
            assert [reply[3] & 0xF for reply in replies] == [3, 3, 0, 0]


def test_a_name_that_goes_is_denied_and_one_that_comes_is_not(tmp_path: Path) -> None:
    """Of many services, each with children of its own: what is denied is of the last change."""
    chance = random.Random(SEED)
    keys = [type(entry().key)("payments", f"n{number}") for number in range(40)]
    with LoopPair(example, tmp_path) as pair:
        for generation in range(2, 30):
            changed = {
                key.entry: entry(
                    *(endpoint(f"c{n}", f"10.1.{n}.{generation}") for n in range(6) if n != left),
                    key=key,
                )
                for key in chance.sample(keys, 5)
                for left in (chance.randrange(6),)
            }
            for side in pair.sides:
                side.responder.table.update(
                    position("east", generation), changed, (), float(generation)
                )
            asked = [
                message(f"c{chance.randrange(8)}.{key.service}.payments.svc.{ZONE}", 1)
                for key in keys
            ]
            for _ in range(3):
                assert pair.differ(asked) == ""


def test_clients_met_before_are_in_the_regions_that_they_are_given(tmp_path: Path) -> None:
    """Whatever a loop keeps of them: with one client, with many, and back again."""
    asked = [message(API_NAME, 1)] * 3
    with LoopPair(example, tmp_path) as pair:
        for side in pair.sides:
            at_home, elsewhere = (side.exchange(asked, each)[0] for each in (HOME, OTHER))
            assert at_home != elsewhere
            for regions, home, other in (
                ([(HOME, "west")], elsewhere, at_home),
                ([], at_home, at_home),
                ([(HOME, "west"), (OTHER, "west")], elsewhere, elsewhere),
            ):
                side.responder.clients.place(ClientRegions(regions))
                assert side.exchange(asked, HOME) == [home] * 3
                assert side.exchange(asked, OTHER) == [other] * 3
                assert side.exchange(asked, HOME) == [home] * 3


def test_nothing_is_denied_by_a_loop_while_a_region_is_missing(tmp_path: Path) -> None:
    """I17: SERVFAIL, from both."""
    asked = [message(f"{name}.{ZONE}", 1, opt()) for name in ("x", "a.b.svc", "a.b.c.svc")]
    with LoopPair(lambda: table({"east": [entry(endpoint("a"))]}), tmp_path) as pair:
        assert pair.differ(asked) == ""
        for side in pair.sides:
            assert {reply[3] & 0xF for reply in side.exchange(asked, HOME)} == {2}


def test_a_cookie_of_another_address_proves_nothing_to_any_loop(tmp_path: Path) -> None:
    with LoopPair(example, tmp_path) as pair:
        for client in (HOME, OTHER, HOME):
            for cookie in (pair.cookie(HOME), pair.cookie(OTHER), b"abcdefgh"):
                asked = message(API_NAME, 1, opt(option(10, cookie)))
                assert pair.differ([asked, asked], client) == ""


class Opened:
    """A server driven by hand."""

    def __init__(self, loop: UdpLoop) -> None:
        answers = table({"east": [entry(endpoint("a"))], "west": []})
        self.responder = Responder(answers, settings=ServerSettings(udp_loop=loop))
        self.server = UdpServer(self.responder)
        self.readable = self.server.open(HOME, 0)

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop()


@pytest.mark.parametrize("loop", LOOPS)
def test_source_ports_of_no_client_are_dropped_and_counted(loop: UdpLoop) -> None:
    """Echo, daytime, chargen and time would answer back."""
    with Opened(loop) as opened:
        for port in sorted(REFUSED_PORTS - {0}):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                try:
                    client.bind((HOME, port))
                except OSError:
                    pytest.skip(f"port {port} is not to be had here")
                client.setblocking(False)
                client.sendto(message(API_NAME, 1), opened.server.address)
                opened.readable()
                with pytest.raises(BlockingIOError):
                    client.recv(4096)
        counters = opened.responder.counters
        assert (counters.dropped_port, counters.queries_udp) == (len(REFUSED_PORTS) - 1, 0)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_reply_that_cannot_be_sent_is_counted_and_the_next_batch_is_taken(loop: UdpLoop) -> None:
    with Opened(loop) as opened, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(opened.server.address)
        assert opened.server._socket is not None
        with pytest.raises(OSError):
            # it says that there is no connection, and sends no more all the same
            opened.server._socket.shutdown(socket.SHUT_WR)
        for sent in (3, 6):
            for _ in range(3):
                client.send(message(API_NAME, 1))
            opened.readable()
            counters = opened.responder.counters
            assert (counters.send_errors, counters.queries_udp) == (sent, sent)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_loop_takes_what_has_come_meanwhile_and_then_others_have_their_turn(
    loop: UdpLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it answers, a client asks again and again; it is not served for ever."""
    respond = Responder.respond
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:

        def asked_again(*args: object) -> bytes | None:
            client.send(message(f"x.y.z.w.{ZONE}", 1, opt(option(3))))
            return respond(*args)  # type: ignore[arg-type]  # as they were given

        monkeypatch.setattr(Responder, "respond", asked_again)
        with Opened(loop) as opened:
            client.connect(opened.server.address)
            client.send(message(f"x.y.z.w.{ZONE}", 1, opt(option(3))))
            opened.readable()
            counted = opened.responder.counters.queries_udp
            assert 1 < counted <= 1000
            opened.readable()
            assert opened.responder.counters.queries_udp > counted


@pytest.mark.parametrize("loop", LOOPS)
def test_a_mistake_of_ours_stops_no_loop(loop: UdpLoop) -> None:
    """Not even when nothing at all is known of a client."""

    def fail(_: object) -> None:
        raise ZeroDivisionError

    with Opened(loop) as opened, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(opened.server.address)
        client.settimeout(30)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(opened.responder.clients), "meet", fail)
            client.send(message(API_NAME, 1))
            opened.readable()
        assert opened.responder.counters.faults == 1
        client.send(message(API_NAME, 1, ident=77))
        opened.readable()
        replies = [client.recv(4096)]
        while replies[-1][:2] != b"\0\x4d":
            replies.append(client.recv(4096))
        assert replies[-1][3] & 0xF == 0
