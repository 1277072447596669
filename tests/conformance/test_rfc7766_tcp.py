"""RFC 7766 and 9210: queries over TCP."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import time
from asyncio.selector_events import _SelectorSocketTransport
from collections.abc import Callable

import dns.message
import pytest
from answer_samples import API_NAME, ZONE, endpoint, entry, table
from dns_server_thread import DnsServerThread, receive

from dns_frontend.server.limits import TcpLimits


def framed(packet: bytes) -> bytes:
    return struct.pack("!H", len(packet)) + packet


def query(identifier: int, name: str = API_NAME, kind: str = "A") -> bytes:
    return dns.message.make_query(name, kind, id=identifier).to_wire()


def identifiers(client: socket.socket, count: int) -> list[int]:
    found = []
    for _ in range(count):
        reply = receive(client)
        assert reply is not None
        found.append(struct.unpack("!H", reply[:2])[0])
    return found


def at_last(condition: object, seconds: float = 30.0) -> bool:
    """Whether the condition came true before the time was over."""
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]  # any condition may be waited for
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def small(limits: TcpLimits) -> DnsServerThread:
    many = [endpoint(f"node-{n}", f"10.1.{n // 250}.{n % 250 + 1}") for n in range(1000)]
    return DnsServerThread(table({"east": [entry(*many)], "west": []}), limits=limits)


@pytest.mark.row("61")
def test_6_2_1_1_pipelined_queries_are_each_answered(served: DnsServerThread) -> None:
    """More in one segment than are answered in one turn."""
    with served.connect() as client:
        client.sendall(b"".join(framed(query(n)) for n in range(300)))
        assert identifiers(client, 300) == list(range(300))


@pytest.mark.row("61", "h22")
def test_7_a_query_may_come_octet_by_octet(served: DnsServerThread) -> None:
    with served.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in framed(query(7)):
            client.send(bytes((octet,)))
        assert identifiers(client, 1) == [7]


@pytest.mark.parametrize("cut", [1, 2, 3, 14, 40, 60])
@pytest.mark.row("61", "h22")
def test_7_queries_may_be_split_and_joined_anywhere(served: DnsServerThread, cut: int) -> None:
    both = framed(query(1)) + framed(query(2))
    with served.connect() as client:
        client.sendall(both[:cut])
        time.sleep(0.01)
        client.sendall(both[cut:])
        assert identifiers(client, 2) == [1, 2]


def test_6_2_1_a_connection_serves_query_after_query(served: DnsServerThread) -> None:
    with served.connect() as client:
        for n in range(50):
            client.sendall(framed(query(n)))
            assert identifiers(client, 1) == [n]


def test_6_2_4_what_was_sent_before_the_end_of_sending_is_answered(
    served: DnsServerThread,
) -> None:
    with served.connect() as client:
        client.sendall(b"".join(framed(query(n)) for n in range(100)))
        client.shutdown(socket.SHUT_WR)
        assert identifiers(client, 100) == list(range(100))
        assert receive(client) is None


def reset(client: socket.socket) -> None:
    """Let go of a connection as a process does that crashes: with RST."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@pytest.mark.row("63")
@pytest.mark.parametrize("octets", [0, 1, 2, 3, 13, 14, 40])
@pytest.mark.parametrize("end", [socket.socket.close, reset], ids=["FIN", "RST"])
def test_6_2_4_a_connection_that_ends_within_a_message_leaves_nothing(
    served: DnsServerThread, octets: int, end: Callable[[socket.socket], None]
) -> None:
    """Before the length, within it, and within the message; a whole one before it is counted."""
    before = served.counters.queries_tcp
    client = served.connect()
    client.sendall(framed(query(1)) + framed(query(2))[:octets])
    assert identifiers(client, 1) == [1]
    end(client)
    assert at_last(lambda: served.counters.tcp_open == 0)
    assert served.counters.queries_tcp == before + 1
    assert served.counters.faults == 0


@pytest.mark.row("63")
def test_a_client_that_crashes_with_its_replies_unread_harms_nobody() -> None:
    """What is written to it fails, at once or later; the server goes on."""
    with small(TcpLimits()) as server:
        for _ in range(20):
            client = server.connect()
            client.sendall(framed(query(1, API_NAME, "SRV")) * 30)
            reset(client)
        assert at_last(lambda: server.counters.tcp_open == 0)
        assert server.counters.faults == 0
        assert server.tcp(query(2)) is not None


@pytest.mark.row("61", "h22")
def test_6_2_4_the_end_of_sending_octet_by_octet_is_no_end_of_the_answer(
    served: DnsServerThread,
) -> None:
    """A half-closed client gets its replies, though the last octet and the end come as one, and
    what is begun behind it gets none."""
    for tail in (b"", b"\0", framed(query(8))[:20]):
        with served.connect() as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for octet in framed(query(7)) + tail:
                client.send(bytes((octet,)))
            client.shutdown(socket.SHUT_WR)
            assert identifiers(client, 1) == [7]
            assert receive(client) is None


@pytest.mark.row("62")
def test_8_length_and_message_are_one_write(
    served: DnsServerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a client that reads once gets two octets, and Nagle and delayed ACK cost 40 ms."""
    writes: list[bytes] = []
    transport = _SelectorSocketTransport
    write = transport.write

    def noted(self: asyncio.WriteTransport, data: bytes) -> None:
        writes.append(bytes(data))
        write(self, data)

    monkeypatch.setattr(transport, "write", noted)
    with served.connect() as client:
        for number in (1, 2, 3):
            client.sendall(framed(query(number)))
            assert identifiers(client, 1) == [number]
    assert len(writes) == 3
    for number, written in enumerate(writes, 1):
        assert struct.unpack("!HH", written[:4]) == (len(written) - 2, number)


@pytest.mark.row("62")
def test_8_a_reply_may_have_the_full_length(served: DnsServerThread) -> None:
    name = f"many.payments.svc.{ZONE}"
    reply = served.tcp(query(1, name, "SRV"))
    assert reply is not None
    assert 30_000 < len(reply) <= 65_535


@pytest.mark.row("64", "h23")
def test_a_malformed_message_gets_formerr_and_the_connection_stays(
    served: DnsServerThread,
) -> None:
    with served.connect() as client:
        client.sendall(framed(struct.pack("!6H", 9, 0, 1, 0, 0, 0) + b"\xff" * 20))
        reply = receive(client)
        assert reply == struct.pack("!6H", 9, 0x8001, 0, 0, 0, 0)
        client.sendall(framed(query(10)))
        assert identifiers(client, 1) == [10]


@pytest.mark.parametrize(
    "message",
    [b"", b"\0", b"\0" * 11, struct.pack("!6H", 1, 0x8000, 1, 0, 0, 0)],
    ids=["length 0", "length 1", "length 11", "a reply"],
)
@pytest.mark.row("26", "h24")
def test_what_is_no_query_closes_the_connection_after_earlier_replies(
    served: DnsServerThread, message: bytes
) -> None:
    with served.connect() as client:
        client.sendall(framed(query(1)) + framed(message) + framed(query(2)))
        assert identifiers(client, 1) == [1]
        assert receive(client) is None


@pytest.mark.row("63")
def test_6_2_3_an_idle_connection_is_closed() -> None:
    with small(TcpLimits(idle_seconds=60)) as server, server.connect() as client:
        for n in range(3):
            client.sendall(framed(query(n)))
            assert identifiers(client, 1) == [n]
            server.pass_time(40)
        assert server.counters.tcp_idle == 0
        server.pass_time(40)
        assert receive(client) is None
        assert at_last(lambda: server.counters.tcp_open == 0)
        assert server.counters.tcp_idle == 1


@pytest.mark.row("63")
def test_6_2_3_octets_that_make_no_query_do_not_keep_a_connection_open() -> None:
    with small(TcpLimits(idle_seconds=70)) as server, server.connect() as client:
        client.sendall(framed(query(1)))
        assert identifiers(client, 1) == [1]
        for octet in framed(query(1) + b"\0" * 200)[:4]:
            client.sendall(bytes((octet,)))
            server.read_all()
            server.pass_time(20)
        assert receive(client) is None
        assert server.counters.tcp_idle == 1


@pytest.mark.row("63")
def test_6_2_2_one_client_has_a_cap_and_others_are_not_touched_by_it() -> None:
    with small(TcpLimits(connections_per_client=3)) as server:
        clients = [server.connect() for _ in range(3)]
        with server.connect() as refused:
            assert receive(refused) is None
        assert server.counters.tcp_refused == 1
        for client in clients:
            client.sendall(framed(query(5)))
            assert identifiers(client, 1) == [5]
        clients.pop().close()
        assert at_last(lambda: server.counters.tcp_open == 2)
        assert server.tcp(query(6)) is not None
        for client in clients:
            client.close()


@pytest.mark.row("63")
def test_6_2_2_when_full_the_longest_idle_connection_makes_room() -> None:
    with small(TcpLimits(connections=3)) as server:
        clients = [server.connect() for _ in range(3)]
        for n in (1, 2, 0):  # so that 1 is the longest idle
            clients[n].sendall(framed(query(n)))
            assert identifiers(clients[n], 1) == [n]
        with server.connect() as client:
            client.sendall(framed(query(9)))
            assert identifiers(client, 1) == [9]
            assert receive(clients[1]) is None
            for n in (0, 2):
                clients[n].sendall(framed(query(n)))
                assert identifiers(clients[n], 1) == [n]
        assert server.counters.tcp_evicted == 1
        for client in clients:
            client.close()


@pytest.mark.row("63")
def test_a_client_that_does_not_read_is_cut_off_and_starves_nobody() -> None:
    with small(TcpLimits(stall_seconds=60)) as server:
        greedy = socket.socket()
        greedy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        greedy.connect(server.address)
        greedy.settimeout(0.2)
        # some 50 KiB each; far more than any buffer takes
        flood = framed(query(1, API_NAME, "SRV")) * 2000
        sent = 0
        try:
            while sent < len(flood):
                sent += greedy.send(flood[sent : sent + 8192])
        except OSError:
            pass
        # what it sent may still lie unread: time that passes before is no time of its stall
        assert at_last(lambda: server.run(server.has_stalled))
        assert server.udp(query(2)) is not None
        with server.connect() as client:
            client.sendall(framed(query(3)))
            assert identifiers(client, 1) == [3]
        assert server.counters.tcp_slow == 0
        server.pass_time(90)
        assert at_last(lambda: server.counters.tcp_slow == 1)
        assert at_last(lambda: server.counters.tcp_open == 0)
        assert server.counters.queries_tcp < 1000
        greedy.close()


@pytest.mark.row("63")
def test_a_client_that_neither_reads_nor_lets_go_is_cut_off_as_well() -> None:
    """It ends its queries with rubbish, so that the server wants to close, and cannot."""
    with small(TcpLimits(stall_seconds=60)) as server:
        rude = socket.socket()
        rude.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        rude.connect(server.address)
        rude.sendall(framed(query(1, API_NAME, "SRV")) * 4 + framed(b""))
        assert at_last(lambda: server.counters.queries_tcp == 4)
        server.pass_time(90)
        assert at_last(lambda: server.counters.tcp_open == 0)
        rude.close()


@pytest.mark.row("63")
@pytest.mark.punctual("it is about the order in which a loop serves what is ready")
def test_63_many_connections_do_not_starve_udp() -> None:
    """A query over UDP is answered before all those that wait on connections."""
    with small(TcpLimits(connections_per_client=200, batch=8)) as server:
        clients = [server.connect() for _ in range(100)]
        held, gate, answered = threading.Event(), threading.Event(), threading.Event()
        before = 0

        async def look() -> None:
            nonlocal before
            while not server.counters.queries_udp:  # noqa: ASYNC110 - each turn of the loop
                await asyncio.sleep(0)
            before = server.counters.queries_tcp
            answered.set()

        def hold() -> None:
            held.set()
            assert gate.wait(30)

        # while the loop stands still all of them come
        server.spawn(look())
        holding = threading.Thread(target=lambda: server.run(hold))
        holding.start()
        assert held.wait(30)
        for client in clients:
            client.sendall(b"".join(framed(query(n)) for n in range(200)))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as over_udp:
            over_udp.settimeout(30)
            over_udp.connect(server.address)
            over_udp.send(query(7, f"nope.{ZONE}"))
            assert at_last(server.has_datagram), "the network may take its time"
            gate.set()
            holding.join()
            assert over_udp.recv(4096)[:2] == b"\0\7"
        assert answered.wait(30)
        assert before < 100 * 200 / 2
        for client in clients:
            assert identifiers(client, 200) == list(range(200))
            client.close()
