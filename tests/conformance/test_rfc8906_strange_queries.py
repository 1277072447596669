"""RFC 8906 (with 1996, 2136, 6891, 7873, 8490, 8945): sound messages that few servers are sent."""

from __future__ import annotations

import struct

import dns.message
import dns.opcode
import dns.rdataclass
import dns.rdatatype
import dns.tsigkeyring
import dns.update
import pytest
from answer_samples import API_NAME, ZONE
from dns_messages import COOKIE, NSID, answers, message, opt, option, options_of, parsed
from dns_server_thread import DnsServerThread

NOERROR, FORMERR, NXDOMAIN, NOTIMP, REFUSED, NOTAUTH, BADVERS, BADCOOKIE = (
    0, 1, 3, 4, 5, 9, 16, 23,
)  # fmt: skip
CLIENT = b"8 octets"
both = pytest.mark.parametrize("transport", ["udp", "tcp"])


def send(server: DnsServerThread, transport: str, packet: bytes) -> bytes:
    reply = server.udp(packet) if transport == "udp" else server.tcp(packet)
    assert reply is not None
    return reply


def counted(packet: bytes, *counts: int) -> bytes:
    """The message with these counts in its header."""
    return packet[:4] + struct.pack("!4H", *counts) + packet[12:]


def record(owner: bytes, kind: int, rdata: bytes = b"", class_: int = 1) -> bytes:
    return owner + struct.pack("!HHIH", kind, class_, 0, len(rdata)) + rdata


# --- other opcodes ---------------------------------------------------------------------------


@both
@pytest.mark.row("24", "h14")
def test_rfc1996_3_a_notify_as_a_primary_sends_it_is_not_implemented(
    served: DnsServerThread, transport: str
) -> None:
    """AA set, and the new SOA in its answer section (section 3.7): no secondary is here."""
    notify = dns.message.make_query(ZONE, "SOA")
    notify.set_opcode(dns.opcode.NOTIFY)
    notify.flags |= 0x0400
    soa = f"{ZONE} 5 IN SOA ns1.{ZONE} hostmaster.{ZONE} 9 1 1 1 1"
    notify.answer.append(dns.message.from_text(f"id 1\n;ANSWER\n{soa}\n").answer[0])
    reply = send(served, transport, notify.to_wire())
    assert struct.unpack("!5H", reply[2:12]) == (0xA000 | NOTIMP, 1, 0, 0, 0)


@both
@pytest.mark.row("24", "h14")
@pytest.mark.parametrize("signed", [False, True])
def test_rfc2136_3_1_an_update_as_clients_send_it_is_not_implemented(
    served: DnsServerThread, transport: str, signed: bool
) -> None:
    """With a zone, a prerequisite and changes, signed or not; and nothing is changed."""
    update = dns.update.UpdateMessage(ZONE)
    update.present(API_NAME)
    update.delete(API_NAME)
    update.add(f"mine.payments.svc.{ZONE}", 60, "A", "10.6.6.6")
    if signed:
        update.use_tsig(dns.tsigkeyring.from_text({"k.": "c2VjcmV0c2VjcmV0"}), "k.")
    reply = send(served, transport, update.to_wire())
    assert struct.unpack("!5H", reply[2:12]) == (0xA800 | NOTIMP, 1, 0, 0, 0)
    assert len(served.ask(API_NAME, "A").answer[0]) == 2
    assert served.ask(f"mine.payments.svc.{ZONE}", "A").rcode() == NXDOMAIN


@both
@pytest.mark.row("23", "37", "46", "h13")
@pytest.mark.parametrize("opcode", [1, 2, 3, 4, 5, 6, 7, 15])
def test_3_1_4_an_unknown_opcode_is_replied_to_with_opt_where_it_came(
    served: DnsServerThread, transport: str, opcode: int
) -> None:
    """Also without a question, as DSO (RFC 8490, section 5.4) and a bare header have none."""
    flags = opcode << 11
    for packet in (
        message(API_NAME, 1, opt(option(COOKIE, CLIENT), flags=0x8000), flags=flags),
        counted(message(".")[:12] + opt(option(COOKIE, CLIENT)), 0, 0, 0, 1)[:2]
        + struct.pack("!H", flags)
        + counted(message(".")[:12] + opt(option(COOKIE, CLIENT)), 0, 0, 0, 1)[4:],
    ):
        reply = send(served, transport, packet)
        assert struct.unpack("!H", reply[2:4]) == (0x8000 | flags | NOTIMP,)
        assert reply[4:12] == packet[4:6] + b"\0\0\0\0\0\1"
        assert CLIENT in reply


@both
@pytest.mark.row("23", "28")
def test_3_1_4_a_question_of_another_opcode_that_is_none_is_not_echoed(
    served: DnsServerThread, transport: str
) -> None:
    """What such a message holds is nobody's guess: NOTIMP comes first, whatever follows."""
    for rest in (b"\xc0\x0c\0\1\0\1", b"\x7f", b"", message(API_NAME)[12:] * 2):
        for count in (1, 2, 65_535):
            packet = struct.pack("!6H", 7, 0x1000, count, 0, 0, 0) + rest
            reply = send(served, transport, packet)
            assert reply[:4] == struct.pack("!HH", 7, 0x9000 | NOTIMP)


# --- records beside the question -------------------------------------------------------------


@both
@pytest.mark.row("37", "43")
def test_rfc6891_6_1_1_opt_may_stand_anywhere_in_the_additional_section(
    served: DnsServerThread, transport: str
) -> None:
    """Before, between and behind records that mean nothing; SIG(0) of a stranger among them."""
    other = record(b"\0", 1, b"\x0a\0\0\1")
    pointing = record(b"\xc0\x0c", 16, b"\1x")
    sig0 = record(b"\0", 24, b"\0" * 18 + b"\3key\0" + b"s" * 64, class_=255)
    unknown = record(b"\1x\0", 65_280, b"anything")
    plain = send(served, transport, message(API_NAME, 1, opt()))
    for beside in ((other,), (pointing, unknown), (sig0,)):
        for at in range(len(beside) + 1):
            records = (*beside[:at], opt(), *beside[at:])
            assert send(served, transport, message(API_NAME, 1, *records)) == plain
    two = send(served, transport, message(API_NAME, 1, opt(), other, opt()))
    assert parsed(two).rcode() == FORMERR


@both
@pytest.mark.row("36")
def test_records_without_opt_ask_for_none(served: DnsServerThread, transport: str) -> None:
    packet = message(API_NAME, 1, record(b"\0", 1, b"\x0a\0\0\1"))
    assert send(served, transport, packet) == send(served, transport, message(API_NAME))


@both
@pytest.mark.row("43")
def test_rfc6891_6_1_2_an_option_overrun_hides_in_no_other_option(
    served: DnsServerThread, transport: str
) -> None:
    """Many, empty ones, and the last one octet too long; so many as a message holds."""
    for count in (1, 100, 300):
        whole = option(99) * count
        assert len(answers(send(served, transport, message(API_NAME, 1, opt(whole))))) == 2
        torn = whole + b"\0\x63\0\1"
        assert parsed(send(served, transport, message(API_NAME, 1, opt(torn)))).rcode() == FORMERR


@both
@pytest.mark.row("37", "41")
def test_rfc6891_6_1_1_opt_stands_in_replies_of_every_code(
    served: DnsServerThread, cold: DnsServerThread, transport: str
) -> None:
    """With DO copied (RFC 3225), version 0 and the size that we take."""
    do = opt(flags=0x8000)
    tsig = record(b"\1k\0", 250, b"\1a\0" + b"\0" * 10 + b"\0\7" + b"\0" * 4, class_=255)
    bad_cookie = opt(option(COOKIE, CLIENT + b"x" * 16), flags=0x8000)
    for server, packet, rcode in (
        (served, message(API_NAME, 1, do), NOERROR),
        (served, message(f"nope.{ZONE}", 1, do), NXDOMAIN),
        (served, message("example.com.", 1, do), REFUSED),
        (served, message(API_NAME, 1, do, class_=3), REFUSED),
        (served, message(API_NAME, 1, do, do), FORMERR),
        (served, counted(message(API_NAME, 1, do), 1, 0, 0, 2), FORMERR),
        (served, message(API_NAME, 1, do, flags=0x2000), NOTIMP),
        (served, message(API_NAME, 1, do, tsig), NOTAUTH),
        (served, message(API_NAME, 1, opt(version=3, flags=0x8000)), BADVERS),
        (served, counted(message(".")[:12] + bad_cookie, 0, 0, 0, 1), BADCOOKIE),
        (cold, message(API_NAME, 1, do), 2),
    ):
        reply = send(server, transport, packet)
        at = reply.rindex(b"\0\0\x29\x04\xd0")
        extended, version, flags = struct.unpack_from("!BBH", reply, at + 5)
        assert (extended << 4 | reply[3] & 0xF, version, flags) == (rcode, 0, 0x8000)


@both
@pytest.mark.row("60")
def test_rfc8945_5_2_what_is_wrong_besides_the_signature_comes_first(
    served: DnsServerThread, transport: str
) -> None:
    """A malformed message, another opcode and another EDNS version are not judged by their key."""
    tsig = record(b"\1k\0", 250, b"\1a\0" + b"\0" * 10 + b"\0\7" + b"\0" * 4, class_=255)
    sound = message(API_NAME, 1, tsig)
    assert send(served, transport, sound)[3] & 0xF == NOTAUTH
    for packet, rcode in (
        (counted(sound, 1, 0, 0, 2), FORMERR),
        (message(API_NAME, 1, tsig, opt()), FORMERR),
        (message(API_NAME, 1, tsig, flags=0x2800), NOTIMP),
        (message(API_NAME, 1, opt(version=1), tsig), 0),
        (message(API_NAME, 1, tsig, class_=3), REFUSED),
    ):
        reply = send(served, transport, packet)
        assert reply[3] & 0xF == rcode
        assert not reply[2] & 0x04
        assert struct.unpack_from("!H", reply, 6) == (0,)


# --- questions -------------------------------------------------------------------------------


@both
@pytest.mark.row("25", "h15")
@pytest.mark.parametrize("class_", [0, 2, 3, 4, 5, 254, 255, 0x8001, 0xFF01, 65_535])
@pytest.mark.parametrize("kind", [1, 6, 252, 255])
def test_a_class_that_is_not_ours_is_refused_for_every_type(
    served: DnsServerThread, transport: str, class_: int, kind: int
) -> None:
    """ANY and NONE, which are for updates, and the bit of mDNS (RFC 6762, section 5.4) too."""
    for name in (API_NAME, f"nope.{ZONE}"):
        reply = send(served, transport, message(name, kind, class_=class_))
        assert struct.unpack("!5H", reply[2:12]) == (0x8000 | REFUSED, 1, 0, 0, 0)


@both
@pytest.mark.row("19", "h18")
@pytest.mark.parametrize("name", [ZONE, API_NAME, f"nope.{ZONE}", "example.com.", "."])
@pytest.mark.parametrize("kind", [251, 252])
def test_rfc5936_2_2_1_no_name_is_transferred(
    served: DnsServerThread, transport: str, name: str, kind: int
) -> None:
    """One message, without records, AA or SOA, so that nobody takes it for the beginning."""
    rcode = NOTIMP if (kind, transport) == (252, "udp") else REFUSED
    for packet in (message(name, kind), message(name, kind, opt())):
        reply = send(served, transport, packet)
        assert struct.unpack("!4H", reply[2:10]) == (0x8000 | rcode, 1, 0, 0)


@both
@pytest.mark.row("30", "h3")
def test_rfc7873_5_4_only_a_query_learns_a_cookie_without_a_question(
    served: DnsServerThread, transport: str
) -> None:
    """Not with records, promises of them or another version; octets behind it mean nothing."""
    bare = struct.pack("!6H", 9, 0, 0, 0, 0, 1) + opt(option(COOKIE, CLIENT))
    learnt = options_of(send(served, transport, bare))[COOKIE]
    assert len(learnt) == 24
    behind = send(served, transport, bare + message(API_NAME)[12:])
    # the rest tells the time
    assert options_of(behind)[COOKIE][:12] == learnt[:12]
    twice = struct.pack("!6H", 9, 0, 0, 0, 0, 1) + opt(option(COOKIE, learnt), option(NSID))
    assert options_of(send(served, transport, twice)) == {COOKIE: learnt}
    for counts in ((0, 1, 0, 1), (0, 0, 1, 1), (0, 0, 0, 2), (0, 0, 0, 0)):
        assert send(served, transport, counted(bare, *counts))[3] & 0xF == FORMERR
    version = struct.pack("!6H", 9, 0, 0, 0, 0, 1) + opt(option(COOKIE, CLIENT), version=1)
    assert parsed(send(served, transport, version)).rcode() == BADVERS


@both
@pytest.mark.row("59")
@pytest.mark.parametrize("size", [0, 1, 16, 128, 468])
@pytest.mark.parametrize("octet", [b"\0", b"x"], ids=["zeros", "other octets"])
def test_rfc7830_4_padding_in_clear_is_ignored_whatever_its_length(
    served: DnsServerThread, transport: str, size: int, octet: bytes
) -> None:
    """A padded reply in clear would be a larger one for nothing."""
    plain = send(served, transport, message(API_NAME, 1, opt()))
    padded = message(API_NAME, 1, opt(option(12, octet * size)))
    assert send(served, transport, padded) == plain


# --- no cross-talk ---------------------------------------------------------------------------


@pytest.mark.row("67")
def test_8_no_shape_of_a_question_gets_the_reply_of_another(served: DnsServerThread) -> None:
    """All pairs, one after the other, over UDP and TCP: what is kept of the first must not be
    what the second gets."""
    subnet = option(8, b"\0\1\x18\0\x0a\2\3")
    shapes = [
        message(API_NAME),
        message(API_NAME, flags=0x0100),
        message(API_NAME.upper()),
        message(API_NAME, 28),
        message(API_NAME, class_=3),
        message(API_NAME, flags=0x2800),
        message(API_NAME, 1, opt()),
        message(API_NAME, 1, opt(flags=0x8000)),
        message(API_NAME, 1, opt(payload=512)),
        message(API_NAME, 1, opt(version=1)),
        message(API_NAME, 1, opt(option(COOKIE, CLIENT))),
        message(API_NAME, 1, opt(option(NSID))),
        message(API_NAME, 1, opt(subnet)),
        message(API_NAME, 1, opt(option(COOKIE, b"short"))),
        message(f"many.payments.svc.{ZONE}"),
        message(f"many.payments.svc.{ZONE}", 1, opt()),
        message(f"sick.payments.svc.{ZONE}"),
        message(f"sick.payments.svc.{ZONE}", 1, opt()),
    ]

    def replies(transport: str, shape: bytes) -> bytes:
        reply = send(served, transport, shape)
        # a new cookie tells the time
        return reply[:-16] if CLIENT in shape else reply

    first = {
        (transport, at): replies(transport, shape)
        for transport in ("udp", "tcp")
        for at, shape in enumerate(shapes)
    }
    for before in range(len(shapes)):
        for after, shape in enumerate(shapes):
            for transport in ("udp", "tcp"):
                send(served, transport, shapes[before])
                assert replies(transport, shape) == first[transport, after]
    # a size and NSID make no difference here; what is cut over UDP alone does
    assert len(set(first.values())) == len(shapes) - 2 + 1
