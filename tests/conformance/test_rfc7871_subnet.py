"""RFC 7871: what a resolver says of its own client, believed where it is trusted."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from ipaddress import ip_address

import pytest
from answer_samples import API_NAME, ZONE, endpoint, entry, table
from dns_messages import SUBNET, answers, message, opt, option, options_of, parsed
from dns_server_thread import DnsServerThread

from dns_frontend.plan.view import ClientRegions
from dns_frontend.server.settings import ServerSettings, UdpLoop

FORMERR = 1
EAST, WEST = ["10.0.0.1"], ["10.2.0.1"]
FORWARDER, STRANGER = "127.0.0.1", "127.0.0.9"
both = pytest.mark.parametrize("transport", ["udp", "tcp"])


def subnet(text: str, *, family: int = 0, scope: int = 0, octets: bytes | None = None) -> bytes:
    """The option for ADDRESS/BITS."""
    address, bits = text.split("/")
    packed = ip_address(address).packed
    source = int(bits)
    if octets is None:
        octets = packed[: (source + 7) // 8]
    family = family or (1 if len(packed) == 4 else 2)
    return option(SUBNET, struct.pack("!HBB", family, source, scope) + octets)


@pytest.fixture(scope="module")
def regional(loop: UdpLoop) -> Iterator[DnsServerThread]:
    """East is home; 10/8 is west but for 10.1/16; one forwarder is trusted."""
    networks = ClientRegions(
        [
            ("10.0.0.0/8", "west"),
            ("10.1.0.0/16", "east"),
            ("203.0.112.0/23", "west"),
            ("2001:db8::/32", "west"),
            ("127.0.0.9/32", "west"),
        ]
    )
    cells = {"east": [entry(endpoint("a", *EAST))], "west": [entry(endpoint("a", *WEST))]}
    settings = ServerSettings(trusted_forwarders=("127.0.0.1/32", "8.8.8.0/24"), udp_loop=loop)
    with DnsServerThread(table(cells), regions=networks, settings=settings) as server:
        yield server


def ask(
    server: DnsServerThread, transport: str, *options: bytes, name: str = API_NAME, kind: int = 1
) -> bytes:
    packet = message(name, kind, opt(*options))
    reply = server.udp(packet) if transport == "udp" else server.tcp(packet)
    assert reply is not None
    return reply


@both
@pytest.mark.row("51")
@pytest.mark.parametrize(
    ("text", "addresses", "scope"),
    [
        ("203.0.113.0/24", WEST, 23),
        ("203.0.113.77/32", WEST, 23),
        ("2001:db8:1::/48", WEST, 32),
        ("10.1.2.0/24", EAST, 16),
        # 10.1/16 lies within 10/8, and must not be covered by the answer for the rest of it
        ("10.2.3.0/24", WEST, 15),
        ("10.128.0.0/16", WEST, 9),
        # too short to tell: answered for what contains it all, and told how much is needed
        ("10.0.0.0/8", WEST, 16),
        ("203.0.112.0/22", EAST, 23),
        # in no network: the region of the forwarder, for what holds none of the networks
        ("192.0.2.0/24", EAST, 5),
        ("2001:db9::/32", EAST, 32),
    ],
)
def test_7_2_1_the_answer_is_for_the_subnet_and_says_for_how_much_of_it(
    regional: DnsServerThread, transport: str, text: str, addresses: list[str], scope: int
) -> None:
    """Family, source and address as they came; section 11.2: a scope that cannot mislead."""
    asked = subnet(text)
    reply = ask(regional, transport, asked)
    assert answers(reply) == addresses
    told = options_of(reply)[SUBNET]
    assert told[:3] + told[4:] == asked[4:7] + asked[8:]
    assert told[3] == scope


@both
@pytest.mark.row("52")
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (f"nope.{ZONE}", 1),
        (API_NAME, 28),
        (f"svc.{ZONE}", 1),
        (ZONE, 6),
        (f"ns1.{ZONE}", 1),
        (f"api.payments.svc.east.region.{ZONE}", 1),
        ("example.com.", 1),
    ],
)
def test_7_4_what_is_the_same_for_everybody_has_scope_0(
    regional: DnsServerThread, transport: str, name: str, kind: int
) -> None:
    """Denials, the zone's own records, names pinned to a region, refusals."""
    asked = subnet("203.0.113.0/24")
    reply = ask(regional, transport, asked, name=name, kind=kind)
    assert options_of(reply)[SUBNET] == asked[4:]


@pytest.mark.row("52")
def test_7_2_1_a_stranger_is_not_believed_and_told_scope_0(regional: DnsServerThread) -> None:
    packet = message(API_NAME, 1, opt(subnet("10.1.2.0/24")))
    reply = regional.udp(packet, STRANGER)
    assert answers(reply) == WEST, "by its own address"
    assert options_of(reply)[SUBNET][3] == 0


@both
@pytest.mark.row("53")
@pytest.mark.parametrize("text", ["0.0.0.0/0", "::/0"])
def test_7_5_no_bits_mean_the_source_address(
    regional: DnsServerThread, transport: str, text: str
) -> None:
    asked = subnet(text)
    reply = ask(regional, transport, asked)
    assert answers(reply) == EAST
    assert options_of(reply)[SUBNET] == asked[4:]


@pytest.mark.row("53")
def test_7_5_a_subnet_of_no_family_and_no_bits_is_answered(regional: DnsServerThread) -> None:
    """So some clients say that no subnet is to be used; dnspython cannot read it."""
    asked = option(SUBNET, b"\0\0\0\0")
    reply = ask(regional, "udp", asked)
    assert reply.endswith(opt(asked))
    assert struct.unpack("!6H", reply[:12])[1:] == (0x8400, 1, 1, 0, 1)


@both
@pytest.mark.row("54", "h12")
@pytest.mark.parametrize(
    "asked",
    [
        subnet("10.0.0.0/8", family=3),
        subnet("10.0.0.0/8", family=65535),
        subnet("0.0.0.0/0", family=9),
        subnet("10.0.0.0/33"),
        subnet("2001:db8::/129"),
        subnet("10.0.0.0/24", octets=b"\x0a\0"),
        subnet("10.0.0.0/24", octets=b"\x0a\0\0\0"),
        subnet("10.0.0.0/0", octets=b"\x0a"),
        subnet("10.0.0.0/24", scope=24),
        subnet("10.0.0.128/23", octets=b"\x0a\0\1"),
        subnet("255.0.0.0/1", octets=b"\xff"),
        option(SUBNET, b""),
        option(SUBNET, b"\0\1\0"),
    ],
)
def test_7_2_1_a_malformed_subnet_is_formerr(
    regional: DnsServerThread, transport: str, asked: bytes
) -> None:
    """Family, lengths, bits after the source, a scope in a query (section 6)."""
    reply = parsed(ask(regional, transport, asked))
    assert reply.rcode() == FORMERR
    assert reply.edns == 0
    assert not reply.answer


@pytest.fixture(scope="module")
def private(loop: UdpLoop) -> Iterator[DnsServerThread]:
    """Every network that is nobody's in public is in west, and so is one that is somebody's."""
    networks = ClientRegions([*((each, "west") for each in PRIVATE), ("203.0.112.0/23", "west"),
                              ("9.0.0.0/8", "west")])  # fmt: skip
    cells = {"east": [entry(endpoint("a", *EAST))], "west": [entry(endpoint("a", *WEST))]}
    settings = ServerSettings(trusted_forwarders=("127.0.0.1/32", "8.8.8.0/24"), udp_loop=loop)
    with DnsServerThread(table(cells), regions=networks, settings=settings) as server:
        yield server


PRIVATE = (
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "192.0.2.0/24",
    "fc00::/7",
    "fe80::/10",
    "2001:db8::/32",
)
"""RFC 6890, section 2.2, which RFC 7871, section 10, points at."""
OF_PRIVATE = (
    "10.2.3.0/24",
    "10.0.0.1/32",
    "172.31.0.0/16",
    "192.168.7.0/24",
    "100.64.1.0/24",
    "169.254.1.0/24",
    "192.0.2.0/25",
    "fd00:1::/48",
    "fe80::/64",
    "2001:db8:1::/48",
)


@both
@pytest.mark.row("55")
@pytest.mark.parametrize("text", OF_PRIVATE)
def test_10_a_private_subnet_of_a_public_resolver_means_nothing(
    private: DnsServerThread, transport: str, text: str
) -> None:
    """Whose 10.2.3.0/24 that is, nobody knows. From a forwarder inside it is known.

    No packet comes from the public network here: that the forwarder stands there is told to
    the server, which knows it of an address before it answers.
    """
    asked = subnet(text)
    assert answers(ask(private, transport, asked)) == WEST, "a forwarder inside"
    client = private.run(lambda: private.responder.clients.of(FORWARDER))
    assert not client.public
    client.public = True
    try:
        outside = ask(private, transport, asked)
        public = ask(private, transport, subnet("9.1.2.0/24"))
    finally:
        client.public = False
    assert answers(outside) == EAST, "by the resolver's own address"
    assert options_of(outside)[SUBNET] == asked[4:], "scope 0: for all that it serves"
    assert answers(public) == WEST, "others of its subnets are believed"
    assert options_of(public)[SUBNET][3] == 8


@pytest.mark.row("55")
@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2001:4860:4860::8888", True),
        ("::ffff:8.8.8.8", True),
        ("10.0.0.53", False),
        ("192.168.0.1", False),
        ("100.64.0.1", False),
        ("169.254.0.1", False),
        ("::ffff:10.0.0.53", False),
        ("fd00::53", False),
        ("fe80::53%1", False),
        ("::1", False),
    ],
)
def test_10_what_is_the_public_network(
    private: DnsServerThread, address: str, public: bool
) -> None:
    """As a datagram's sender is written by all loops, IPv4 within IPv6 and scopes among them."""
    assert private.run(lambda: private.responder.clients.of(address)).public is public
    packet = message(API_NAME, 1, opt(subnet("10.2.3.0/24")))
    if address.endswith("8.8.8.8"):
        assert answers(private.responder.respond(packet, address)) == EAST


@both
@pytest.mark.row("56")
def test_7_2_2_without_a_subnet_there_is_none_in_the_reply(
    regional: DnsServerThread, transport: str
) -> None:
    assert SUBNET not in options_of(ask(regional, transport))
    assert SUBNET not in options_of(ask(regional, transport, option(99), option(10, b"x" * 8)))
    packet = message(API_NAME)
    reply = regional.udp(packet) if transport == "udp" else regional.tcp(packet)
    assert parsed(reply).edns == -1


@pytest.mark.row("67")
def test_rfc8906_8_no_client_gets_the_answer_for_anothers_subnet(
    regional: DnsServerThread,
) -> None:
    for _ in range(3):
        for text, addresses in (("10.1.2.0/24", EAST), ("10.9.9.0/24", WEST), ("::/0", EAST)):
            assert answers(ask(regional, "udp", subnet(text))) == addresses
        assert answers(ask(regional, "udp")) == EAST
        assert answers(regional.udp(message(API_NAME), STRANGER)) == WEST
