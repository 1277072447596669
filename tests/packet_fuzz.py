"""A fuzzer of DNS messages that knows their structure, and a judge of the replies.

    make fuzz ARGS="--packets 1000000 --seed 7"
    make fuzz ARGS="--seconds 120"
    make fuzz ARGS="--packets 1000000 --seed 7 --loops"

Some messages are sound, and what has to come back is known; others are sound ones that
were bent, spliced or cut, or hostile from the start. Each reply is judged by rules that
hold whatever was sent, written without the code under test. A seed gives the same
messages again; a failure prints its seed, its number and its octets.

Most messages go straight to the responder, which is fast; `--loops` sends them in batches to
all UDP loops, which must give the same octets and the same counts, and `--sockets` through a
real server. Memory is looked at too: what arrives must leave nothing behind.
"""

from __future__ import annotations

import argparse
import random
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import dns.exception
import dns.message
from answer_samples import API_NAME, ZONE, example
from dns_messages import COOKIE, KEEPALIVE, NSID, PADDING, SUBNET, message, opt, option
from dns_server_thread import DnsServerThread, receive
from loop_pair import HOME, LoopPair

from dns_frontend.plan.view import ClientRegions
from dns_frontend.server.responder import Responder
from dns_frontend.server.settings import ServerSettings

NOERROR, FORMERR, NXDOMAIN, NOTIMP, REFUSED, NOTAUTH, BADVERS, BADCOOKIE = 0, 1, 3, 4, 5, 9, 16, 23
LOCAL = "127.0.0.1"
MEMORY_GROWTH_OCTETS = 48 * 2**20
"""Tables of clients, cookies and passing answers fill up to their bounds, and no further."""

KNOWN: dict[tuple[str, int], int] = {
    (API_NAME, 1): 2,
    (API_NAME, 28): 1,
    (API_NAME, 16): 2,
    (f"_grpc._tcp.{API_NAME}", 33): 4,
    (f"_grpc._tcp.{API_NAME}", 64): 4,
    (f"api-1.{API_NAME}", 1): 1,
    (f"seven.payments.svc.{ZONE}", 1): 7,
    (f"api.payments.svc.west.region.{ZONE}", 1): 2,
    (ZONE, 6): 1,
    (ZONE, 2): 1,
    (API_NAME, 666): 0,
    (API_NAME, 65): 0,
    (f"svc.{ZONE}", 1): 0,
    (f"v4.payments.svc.{ZONE}", 28): 0,
}
ABSENT = (f"nope.{ZONE}", f"x.payments.svc.{ZONE}", f"a.b.c.{ZONE}", f"gone.payments.svc.{ZONE}")
FOREIGN = (".", "com.", "example.com.", "xanchor.internal.", "1.0.0.10.in-addr.arpa.")


class Case(NamedTuple):
    """A message, and what has to come back."""

    packet: bytes
    rcodes: frozenset[int] | None = None
    """The codes allowed; None: whatever the general rules allow."""
    answers: int | None = None
    """How many records the answer has, if it is not cut."""
    edns: bool = False
    """Whether the message has a sound OPT record, so that the reply needs one."""


class Messages:
    """Messages of one seed, without end."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._kinds: list[tuple[Callable[[], Case], int]] = [
            (self._sound, 30),
            (self._usual, 10),
            (self._bent, 40),
            (self._spliced, 8),
            (self._bad_options, 10),
            (self._pointers, 6),
            (self._records, 4),
            (self._other_header, 6),
            (self._noise, 5),
            (self._huge, 0.02),  # type: ignore[list-item]  # rare, since it is slow
        ]
        self._makers = [maker for maker, _ in self._kinds]
        self._shares = [share for _, share in self._kinds]

    def __iter__(self) -> Iterator[Case]:
        while True:
            for maker in self._chance.choices(self._makers, self._shares, k=1000):
                yield maker()

    # --- sound ones --------------------------------------------------------------------

    def _sound(self) -> Case:
        chance = self._chance
        options = self._options() if chance.random() < 0.6 else None
        records = () if options is None else (self._opt(*options),)
        edns = options is not None
        flags = chance.getrandbits(16) & 0x07FF
        ident = chance.getrandbits(16)
        pick = chance.random()
        if pick < 0.6:
            (name, kind), count = chance.choice(list(KNOWN.items()))
            packet = message(self._cased(name), kind, *records, flags=flags, ident=ident)
            return Case(packet, frozenset({NOERROR}), count, edns)
        if pick < 0.8:
            name = chance.choice(ABSENT)
            packet = message(self._cased(name), chance.getrandbits(16), *records, flags=flags)
            if packet[-len(b"".join(records)) - 4 :][:2] in (b"\0\xfb", b"\0\xfc"):
                return Case(packet, frozenset({NOTIMP, REFUSED}), 0, edns)
            return Case(packet, frozenset({NXDOMAIN}), 0, edns)
        if pick < 0.95:
            packet = message(chance.choice(FOREIGN), 1, *records, flags=flags)
            return Case(packet, frozenset({REFUSED}), 0, edns)
        class_ = chance.choice((0, 3, 4, 254, 255, 999))
        packet = message(API_NAME, 1, *records, class_=class_, flags=flags)
        return Case(packet, frozenset({REFUSED}), 0, edns)

    def _usual(self) -> Case:
        """What is asked again and again, and may be answered from what lies ready."""
        chance = self._chance
        (name, kind), count = chance.choice(list(KNOWN.items()))
        edns = chance.random() < 0.5
        records = (opt(payload=chance.choice((512, 1232))),) if edns else ()
        flags, ident = chance.choice((0, 0x0100)), chance.getrandbits(16)
        packet = message(name, kind, *records, flags=flags, ident=ident)
        return Case(packet, frozenset({NOERROR}), count, edns)

    def _cased(self, name: str) -> str:
        return "".join(c.upper() if self._chance.random() < 0.3 else c for c in name)

    def _opt(self, *options: bytes) -> bytes:
        payload = self._chance.choice((0, 512, 600, 1232, 4096, 65535))
        return opt(*options, payload=payload, flags=self._chance.getrandbits(16))

    def _options(self) -> list[bytes]:
        chance = self._chance
        sound = [
            option(NSID),
            option(PADDING, bytes(chance.randrange(40))),
            option(KEEPALIVE),
            option(COOKIE, chance.randbytes(8)),
            option(COOKIE, b"12345678" + chance.randbytes(chance.randrange(8, 33))),
            option(SUBNET, struct.pack("!HBB", 1, 24, 0) + chance.randbytes(3)),
            option(SUBNET, struct.pack("!HBB", 2, 48, 0) + chance.randbytes(6)),
            option(SUBNET, struct.pack("!HBB", 1, 0, 0)),
            option(chance.randrange(100, 65535), chance.randbytes(chance.randrange(20))),
        ]
        return [chance.choice(sound) for _ in range(chance.choice((0, 1, 1, 2, 5)))]

    # --- unsound ones ------------------------------------------------------------------

    def _bent(self) -> Case:
        """A sound one with a few octets changed, added or cut away."""
        chance = self._chance
        packet = bytearray(self._sound().packet)
        for _ in range(chance.randrange(1, 5)):
            at = chance.randrange(len(packet) + 1) if packet else 0
            match chance.randrange(5):
                case 0:
                    packet[at : at + 1] = chance.randbytes(1)
                case 1:
                    packet[at : at + 1] = bytes((chance.choice((0, 1, 63, 64, 128, 192, 255)),))
                case 2:
                    packet[at:at] = chance.randbytes(chance.randrange(1, 9))
                case 3:
                    del packet[at : at + chance.randrange(1, 9)]
                case _:
                    del packet[at:]
        return Case(bytes(packet))

    def _spliced(self) -> Case:
        """The head of one with the tail of another."""
        one, other = self._sound().packet, self._sound().packet
        cut = self._chance.randrange(len(one))
        return Case(one[:cut] + other[self._chance.randrange(len(other)) :])

    def _bad_options(self) -> Case:
        """Options that are not what they must be."""
        chance = self._chance
        bad = chance.choice(
            (
                option(COOKIE, chance.randbytes(chance.choice((*range(8), *range(9, 16), 41, 99)))),
                option(SUBNET, b"\0\1\x18\x18\x0a\0\0"),
                option(SUBNET, b"\0\1\x21\0\x0a\0\0\0\0"),
                option(SUBNET, b"\0\1\x17\0\x0a\0\1"),
                option(SUBNET, b"\0\1\x18\0\x0a\0"),
                option(SUBNET, b"\0\3\x08\0\x0a"),
                option(SUBNET, chance.randbytes(chance.randrange(4))),
                struct.pack("!HH", chance.choice((COOKIE, SUBNET, 999)), 200) + b"short",
                chance.randbytes(chance.randrange(1, 4)),
            )
        )
        packet = message(self._cased(API_NAME), 1, self._opt(bad))
        return Case(packet, frozenset({FORMERR}), 0, True)

    def _pointers(self) -> Case:
        """Names that point at themselves, at each other, forwards and outside; long chains."""
        chance = self._chance
        head = struct.pack("!6H", chance.getrandbits(16), 0, 1, 0, 0, chance.randrange(3))
        size = chance.randrange(2, 120)
        names = b"".join(
            struct.pack("!H", 0xC000 | chance.randrange(size * 2 + 20))
            if chance.random() < 0.8
            else b"\1a"
            for _ in range(size)
        )
        packet = head + names + b"\0" * chance.randrange(2) + b"\0\1\0\1"
        rcodes = frozenset({FORMERR}) if names[0] & 0xC0 else None
        return Case(packet, rcodes, 0 if rcodes else None)

    def _records(self) -> Case:
        """Many records, in whatever section, with counts that may lie."""
        chance = self._chance
        kinds = (1, 6, 41, 41, 250, 250, 5, 255)
        records = [
            chance.choice((b"\0", b"\xc0\x0c", b"\3abc\0", b"\xc0\xff"))
            + struct.pack("!HHIH", chance.choice(kinds), 1, chance.getrandbits(32), len(data))
            + data
            for data in (chance.randbytes(chance.randrange(30)) for _ in range(chance.randrange(9)))
        ]
        packet = bytearray(message(API_NAME, 1, *records))
        for at in (6, 8, 10):
            if chance.random() < 0.3:
                packet[at : at + 2] = chance.choice((b"\0\0", b"\0\1", b"\0\2", b"\xff\xff"))
        return Case(bytes(packet))

    def _other_header(self) -> Case:
        """Other opcodes, other versions of EDNS, no question, many questions, replies."""
        chance = self._chance
        match chance.randrange(5):
            case 0:
                opcode = chance.randrange(1, 16)
                packet = message(API_NAME, 1, flags=opcode << 11 | chance.getrandbits(9))
                return Case(packet, frozenset({NOTIMP}), 0)
            case 1:
                version = chance.randrange(1, 256)
                packet = message(API_NAME, 1, opt(*self._options(), version=version))
                return Case(packet, frozenset({BADVERS}), 0, True)
            case 2:
                cookie = option(COOKIE, chance.randbytes(chance.choice((8, 24))))
                packet = struct.pack("!6H", 7, 0, 0, 0, 0, 1) + opt(cookie)
                return Case(packet, frozenset({NOERROR, BADCOOKIE}), 0, True)
            case 3:
                counts = (chance.choice((0, 2, 3, 65535)), 0, 0, 0)
                packet = struct.pack("!6H", 7, 0, *counts) + message(API_NAME)[12:] * 3
                return Case(packet, frozenset({FORMERR}), 0)
            case _:
                return Case(message(API_NAME, 1, flags=0x8000 | chance.getrandbits(15)))

    def _noise(self) -> Case:
        return Case(self._chance.randbytes(self._chance.randrange(0, 300)))

    def _huge(self) -> Case:
        """The longest message: full of pointers, records, options or labels."""
        chance = self._chance
        part = chance.choice((b"\xc0\x0c", b"\1a", b"\0\0\x29\0\0\0\0\0\0\0\0", b"\0\x0a\0\0"))
        head = struct.pack("!6H", 9, 0, 1, 0, 0, chance.choice((1, 6000, 65535)))
        body = message(API_NAME)[12:] if chance.random() < 0.7 else b""
        return Case((head + body + part * 40_000)[:65_535])


class Wrong(AssertionError):
    """A reply that must not be."""


def judge(case: Case, reply: bytes | None, *, stream: bool, thorough: bool) -> None:
    """Raise Wrong for a reply that breaks a rule. Rules in words are in the messages."""
    packet = case.packet

    def demand(holds: bool, words: str) -> None:
        if not holds:
            raise Wrong(words)

    if len(packet) < 12 or packet[2] & 0x80:
        demand(reply is None, "no reply to what is no query")
        return
    demand(reply is not None, "every query has a reply")
    assert reply is not None
    demand(len(reply) >= 12, "a reply has a header")
    demand(reply[:2] == packet[:2], "the identifier is the query's")
    demand(reply[2] & 0xF8 == 0x80 | packet[2] & 0x78, "QR, and the opcode of the query")
    demand(reply[3] & 0xF0 == 0, "RA, Z, AD and CD are clear")
    opcode = packet[2] >> 3 & 0xF
    demand(reply[2] & 1 == (packet[2] & 1 if opcode == 0 else 0), "RD is copied for queries only")
    questions, answers, authorities, additionals = struct.unpack_from("!4H", reply, 4)
    cut = bool(reply[2] & 2)
    demand(not (cut and stream), "nothing is cut over TCP")
    demand(not cut or (answers == authorities == 0 and additionals <= 1), "cut is without records")
    demand(len(reply) <= (65_535 if stream else 1232), "no reply is too long")
    demand(stream or additionals > 0 or len(reply) <= 512, "512 octets without EDNS")
    rcode = reply[3] & 0xF
    if questions:
        demand(questions == 1, "one question is echoed at most")
        demand(packet[12:].startswith(reply[12:14]), "the question is the query's own")
    if rcode not in (NOERROR, NXDOMAIN):
        demand(answers == authorities == 0, "an error has no records")
        demand(not reply[2] & 4, "an error has no authority")
        demand(len(reply) <= len(packet) + 220, "an error is not much longer than the query")
    if case.rcodes is not None:
        demand(rcode in {each & 0xF for each in case.rcodes}, f"rcode {rcode} is not expected")
        demand(case.answers in (None, answers) or cut, f"{answers} records, not {case.answers}")
        demand(not case.edns or additionals > 0, "OPT where the query has it")
    if not thorough:
        return
    try:
        # as a reply to a query: dnspython has other rules for UPDATE
        read = dns.message.from_wire(reply[:2] + bytes((reply[2] & 0x87,)) + reply[3:])
    except dns.exception.DNSException as error:
        # a client subnet without family is answered as it came, and dnspython reads none
        demand(b"\0\x08\0\4\0\0\0\0" in reply, f"dnspython cannot read it: {error!r}")
        return
    if case.rcodes is not None:
        demand(read.rcode() in case.rcodes, f"rcode {read.rcode()} is none of {set(case.rcodes)}")
        demand((read.edns == 0) == case.edns, "OPT where the query has it, and only there")


def resident_octets() -> int:
    """What this process holds of memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def target() -> Responder:
    """A responder with everything switched on."""
    settings = ServerSettings(
        server_name="dns-fuzz", identity=False, trusted_forwarders=("127.0.0.0/8",)
    )
    regions = ClientRegions([("10.0.0.0/8", "west"), ("10.1.0.0/16", "east")])
    return Responder(example(), regions, settings=settings)


def fuzz(seed: int, packets: int, seconds: float | None, say: Callable[[str], None]) -> int:
    """Send messages straight to a responder until either is reached; returns how many.

    Raises Wrong with everything needed to do it again.
    """
    responder = target()
    counters = responder.counters
    chance = random.Random(seed + 1)
    here = responder.clients.meet(LOCAL)
    started = time.monotonic()
    memory = 0
    count = 0
    for count, case in enumerate(Messages(seed), 1):  # the count is the result
        stream = count % 5 == 0
        try:
            reply = responder.respond(case.packet, LOCAL, stream=stream)
            if counters.faults:
                raise Wrong("an exception in the responder")
            judge(case, reply, stream=stream, thorough=count % 16 == 0)
            if count % 4 == 0 and len(case.packet) < 5000:
                if responder._strict(case.packet, here, stream) != reply:
                    raise Wrong("the quick and the strict way differ")
                # the same from networks whose rate is limited: silence is allowed, harm is not
                responder.respond(case.packet, f"8.{chance.randrange(256)}.8.8")
                if counters.faults:
                    raise Wrong("an exception in the responder")
        except Wrong as wrong:
            raise Wrong(
                f"{wrong}\nseed {seed}, message {count}, {'TCP' if stream else 'UDP'}: "
                f"{case.packet[:600].hex()}"
            ) from None
        if count % 100_000 == 0 or count == packets:
            now = resident_octets()
            memory = memory or now
            if now - memory > MEMORY_GROWTH_OCTETS:
                raise Wrong(f"memory grew from {memory:,} to {now:,} octets; seed {seed}")
            spent = time.monotonic() - started
            say(f"{count:,} messages, {spent:,.0f} s, {now / 2**20:,.0f} MiB")
        if count >= packets or (
            seconds is not None and count % 256 == 0 and time.monotonic() - started >= seconds
        ):
            break
    return count


def fuzz_loops(seed: int, packets: int, say: Callable[[str], None]) -> int:
    """Send messages to all UDP loops side by side, in batches of any size; returns how many.

    Raises Wrong with the batch that does it, which may need those before it.
    """
    chance = random.Random(seed + 1)
    cases = iter(Messages(seed))
    started = time.monotonic()
    memory = count = told = 0
    with tempfile.TemporaryDirectory() as name, LoopPair(example, Path(name)) as pair:
        while count < packets:
            batch = list(islice(cases, min(packets - count, chance.randrange(1, 100))))
            # what a datagram can hold at all, and of that what is read
            sent = [case.packet[:8000] for case in batch]
            replies, difference = pair.exchange(sent, HOME)
            try:
                if difference:
                    raise Wrong(difference)
                for case, packet in zip(batch, sent, strict=True):
                    read = packet[:4096]
                    silent = len(read) < 12 or read[2] & 0x80
                    reply = None if silent or not replies else replies.pop(0)
                    judge(case._replace(packet=read), reply, stream=False, thorough=count % 16 == 0)
                    count += 1
                if replies:
                    raise Wrong(f"{len(replies)} replies too many")
            except Wrong as wrong:
                shown = [packet[:600].hex() for packet in sent]
                raise Wrong(f"{wrong}\nseed {seed}, message {count + 1}, of {shown}") from None
            if count - told >= 100_000 or count == packets:
                told = count
                now = resident_octets()
                memory = memory or now
                if now - memory > len(pair.sides) * MEMORY_GROWTH_OCTETS:
                    raise Wrong(f"memory grew from {memory:,} to {now:,} octets; seed {seed}")
                spent = time.monotonic() - started
                say(f"{count:,} messages, {spent:,.0f} s, {now / 2**20:,.0f} MiB")
        if any(side.responder.counters.faults for side in pair.sides):
            raise Wrong(f"an exception in a responder; seed {seed}")
        loops = ", ".join(map(repr, pair.sides))
    say(f"loops: {loops}")
    return count


def fuzz_sockets(seed: int, packets: int) -> int:
    """The same over UDP and TCP; what comes over TCP shares connections."""
    with DnsServerThread(example()) as server:
        connection = server.connect()
        for count, case in enumerate(Messages(seed), 1):
            if len(case.packet) > 1400 or count % 4 == 0:
                connection.sendall(struct.pack("!H", len(case.packet)) + case.packet)
                reply = receive(connection)
                judge(case, reply, stream=True, thorough=True)
                if reply is None:
                    connection.close()
                    connection = server.connect()
            elif case.packet[:2] != b"\xff\xfe":  # what the client knows its own probe by
                judge(case, server.udp(case.packet), stream=False, thorough=True)
            if server.counters.faults:
                raise Wrong(f"an exception in the responder; seed {seed}, message {count}")
            if count >= packets:
                break
        connection.close()
        assert len(server.ask(API_NAME, "A", use_edns=0).answer[0]) == 2
    return packets


def main() -> int:
    """Run as told; prints the seed first, so that a crash tells it too."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__.partition("\n")[0])  # type: ignore[union-attr]  # it has one
    parser.add_argument("--packets", type=int, default=2_000_000, help="stop after so many")
    parser.add_argument("--seconds", type=float, default=None, help="or after so long")
    parser.add_argument("--seed", type=int, default=None, help="default: a new one")
    parser.add_argument("--sockets", action="store_true", help="through real sockets")
    parser.add_argument("--loops", action="store_true", help="through all UDP loops at once")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().getrandbits(32)
    print(f"seed {seed}", flush=True)

    def say(text: str) -> None:
        print(text, flush=True)

    if options.sockets:
        count = fuzz_sockets(seed, options.packets)
    elif options.loops:
        count = fuzz_loops(seed, options.packets, say)
    else:
        count = fuzz(seed, options.packets, options.seconds, say)
    print(f"{count:,} messages, no crash, no leak, no wrong reply")
    return 0


if __name__ == "__main__":
    sys.exit(main())
