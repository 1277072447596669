"""Load that is meant to harm: whatever is sent, memory is bounded and good queries are answered.

How fast they are answered meanwhile is measured by `make bench ARGS=hostile`; here is only
what holds on the slowest machine.
"""

from __future__ import annotations

import os
import random
import socket
import struct
import time
from collections.abc import Iterator

import pytest
from answer_samples import API_NAME, ZONE, example
from dns_messages import message
from dns_server_thread import DnsServerThread, receive
from packet_fuzz import Messages, Wrong, fuzz, fuzz_sockets, judge, resident_octets

from dns_frontend.server.limits import TcpLimits

MEGABYTE = 2**20


def framed(packet: bytes) -> bytes:
    return struct.pack("!H", len(packet)) + packet


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def answered(server: DnsServerThread) -> bool:
    """Whether a good query is answered, over UDP and TCP."""
    over_udp = server.ask(API_NAME, "A", use_edns=0)
    over_tcp = server.ask(API_NAME, "A", tcp=True)
    return len(over_udp.answer[0]) == len(over_tcp.answer[0]) == 2


def at_last(server: DnsServerThread, open_connections: int) -> bool:
    deadline = time.monotonic() + 60.0
    while server.counters.tcp_open > open_connections:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@pytest.fixture
def server() -> Iterator[DnsServerThread]:
    limits = TcpLimits(connections=300, connections_per_client=200, stall_seconds=0.5)
    with DnsServerThread(example(), limits=limits) as served:
        yield served


@pytest.mark.row("69")
def test_fuzzed_messages_never_get_a_wrong_reply() -> None:
    """The same messages each time; `make fuzz` sends others, and more."""
    assert fuzz(20_260_101, 30_000, None, lambda _: None) == 30_000


@pytest.mark.row("69")
def test_fuzzed_messages_through_sockets_leave_memory_and_files_as_they_were() -> None:
    fuzz_sockets(1, 300)  # what is loaded once
    memory, files = resident_octets(), open_files()
    assert fuzz_sockets(2, 3_000) == 3_000
    assert resident_octets() - memory < 24 * MEGABYTE
    assert open_files() <= files


def test_the_judge_sees_what_is_wrong() -> None:
    """A judge that lets everything pass would make all of the above pass."""
    with DnsServerThread(example()) as served:
        found = 0
        for case in Messages(3):
            if case.answers and case.rcodes and not case.edns:
                reply = served.udp(case.packet)
                assert reply is not None
                judge(case, reply, stream=False, thorough=True)
                for at, bit in ((0, 1), (2, 0x80), (2, 0x08), (3, 0x80), (3, 0x03), (7, 1)):
                    wrong = bytearray(reply)
                    wrong[at] ^= bit
                    with pytest.raises(Wrong):
                        judge(case, bytes(wrong), stream=False, thorough=True)
                with pytest.raises(Wrong):
                    judge(case, None, stream=False, thorough=True)
                found += 1
            if found == 20:
                break


@pytest.mark.row("69", "62")
def test_messages_of_64_kib_are_answered_and_forgotten(server: DnsServerThread) -> None:
    """Compression loops, options, labels and records as far as a message can go."""
    question = message(API_NAME)[12:]
    fill = [b"\xc0\x0c", b"\x3f" + b"a" * 63, b"\0\0\x29\0\0\0\0\0\0\0\0", b"\0", b"\xff"]
    head = struct.pack("!6H", 5, 0, 1, 0, 0, 65_535)
    good = struct.pack("!6H", 5, 0, 1, 0, 0, 0)

    def send_all() -> None:
        for part in fill:
            for start in (head + question, head, good + question):
                packet = (start + part * 65_535)[:65_535]
                with server.connect() as client:
                    client.sendall(framed(packet) * 3)
                    for _ in range(3):
                        reply = receive(client)
                        assert reply is not None
                        assert reply[3] & 0xF == (0 if start == good + question else 1)

    send_all()
    memory = resident_octets()
    for _ in range(3):
        send_all()
    assert resident_octets() - memory < 16 * MEGABYTE
    assert server.counters.faults == 0
    assert answered(server)


@pytest.mark.row("63")
def test_500_half_open_connections_keep_nobody_out(server: DnsServerThread) -> None:
    """From three addresses; each begins a message and never ends it."""
    memory = resident_octets()
    clients = []
    for number in range(500):
        client = socket.socket()
        client.bind((f"127.0.0.{2 + number % 3}", 0))
        client.connect(server.address)
        client.sendall(struct.pack("!H", 60_000) + b"\0" * (number % 50))
        clients.append(client)
    for _ in range(20):
        assert answered(server)
    assert server.counters.tcp_open <= 300, "the longest idle ones made room"
    assert server.counters.tcp_evicted >= 190
    assert resident_octets() - memory < 32 * MEGABYTE
    for client in clients:
        client.close()
    assert at_last(server, 0)


@pytest.mark.row("63")
def test_slow_readers_cost_a_bounded_amount_of_memory(server: DnsServerThread) -> None:
    """A hundred that ask for megabytes and read nothing; they are cut off, others are not."""
    memory = resident_octets()
    flood = framed(message(f"many.payments.svc.{ZONE}", 33)) * 100
    clients = []
    for number in range(100):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.bind((f"127.0.0.{2 + number % 5}", 0))
        client.connect(server.address)
        client.sendall(flood)
        clients.append(client)
    assert answered(server)
    # each has at most what was written before its socket was full, and one answer more
    assert resident_octets() - memory < 100 * MEGABYTE
    assert at_last(server, 0)
    assert server.counters.tcp_slow >= 90
    assert answered(server)
    for client in clients:
        client.close()


@pytest.mark.row("66", "69")
def test_a_flood_of_random_names_leaves_no_memory_behind(server: DnsServerThread) -> None:
    """A hundred thousand names that were never there, and as many that are nearly there."""
    chance = random.Random(5)
    respond = server.responder.respond

    def flood(count: int) -> None:
        for number in range(count):
            label = "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=12))
            name = f"{label}.{API_NAME if number % 2 else ZONE}"
            reply = respond(message(name, 1), f"127.{number % 200}.{number % 250}.1")
            assert reply is not None
            assert reply[3] & 0xF == 3

    flood(20_000)
    memory = resident_octets()
    flood(20_000)
    assert resident_octets() - memory < 16 * MEGABYTE
    assert answered(server)


def test_what_is_not_read_of_a_datagram_is_not_missed(server: DnsServerThread) -> None:
    """65,507 octets in one datagram: read in part, and answered as malformed."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(30.0)
        client.connect(server.address)
        client.send(struct.pack("!6H", 5, 0, 1, 0, 0, 9) + b"\1a" * 32_000)
        assert client.recv(4096)[3] & 0xF == 1
    assert answered(server)
