"""Cookies: the vectors of RFC 9018, the secrets behind them, what is remembered."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dns_frontend.server import cookies as cookies_module
from dns_frontend.server.cookies import Cookies, Proof, server_cookie, siphash
from dns_frontend.server.secret import (
    READ_SECONDS,
    ROTATION_SECONDS,
    SecretFileError,
    Secrets,
    derive,
    parse,
)

OLD, NEW = "dd3bdf9344b678b185a6f5cb60fca715", "445536bcd2513298075a5d379663c962"
SECRET = "e5e973e5a6b2a43f48e7dc849e37bfcf"


class Clock:
    """A clock that a test moves."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def made(*secrets: str, now: int, path: Path) -> tuple[Cookies, Clock]:
    file = path / "cookies"
    file.write_text("\n".join(secrets))
    clock, wall = Clock(), Clock(now)
    return Cookies(Secrets(file, clock, wall), clock, wall), wall


def test_siphash_gives_the_vectors_of_its_authors() -> None:
    """Key 00..0f; messages of 0, 1, 15 and 63 octets 00, 01, ..."""
    key = bytes(range(16))
    for size, expected in (
        (0, "310e0edd47db6f72"),
        (1, "fd67dc93c539f874"),
        (15, "e545be4961ca29a1"),
        (63, "724506eb4c328a95"),
    ):
        assert siphash(key, bytes(range(size))).hex() == expected


@pytest.mark.parametrize(
    ("secret", "client", "address", "now", "cookie"),
    [
        (SECRET, "2464c4abcf10c957", "198.51.100.100", 1559731985, "5cf79f111f8130c3eee29480"),
        (SECRET, "2464c4abcf10c957", "198.51.100.100", 1559734385, "5cf7a871d4a564a1442aca77"),
        (SECRET, "fc93fc62807ddb86", "203.0.113.203", 1559734700, "5cf7a9acf73a7810aca2381e"),
        (NEW, "22681ab97d52c298", "2001:db8:220:1:59de:d0f4:8769:82b8", 1559741961,
         "5cf7c609a6bb79d16625507a"),
    ],
)  # fmt: skip
def test_rfc9018_appendix_a_cookies_are_made_as_others_make_them(
    secret: str, client: str, address: str, now: int, cookie: str
) -> None:
    made = server_cookie(
        bytes.fromhex(secret), bytes.fromhex(client), ipaddress.ip_address(address).packed, now
    )
    assert made.hex() == "01000000" + cookie


def test_rfc9018_appendix_a4_a_cookie_of_the_secret_before_is_accepted_and_replaced(
    tmp_path: Path,
) -> None:
    cookies, _ = made(NEW, OLD, now=1559741961, path=tmp_path)
    asked = bytes.fromhex("22681ab97d52c298010000005cf7c57926556bd0934c72f8")
    verified = cookies.verify("2001:db8:220:1:59de:d0f4:8769:82b8", asked)
    assert verified.proof is Proof.VALID
    assert verified.reply.hex() == "22681ab97d52c298010000005cf7c609a6bb79d16625507a"


def test_rfc9018_appendix_a3_what_stands_in_the_reserved_octets_is_hashed_and_means_nothing(
    tmp_path: Path,
) -> None:
    """The cookie is good while it is young; the new one has zeros there."""
    asked = bytes.fromhex("fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5")
    cookies, _ = made(SECRET, now=1559727985, path=tmp_path)
    assert cookies.verify("203.0.113.203", asked).proof is Proof.VALID
    cookies, _ = made(SECRET, now=1559734700, path=tmp_path)
    verified = cookies.verify("203.0.113.203", asked)
    assert verified.proof is Proof.INVALID
    assert verified.reply.hex() == "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e"


def test_an_ipv4_client_of_an_ipv6_socket_has_the_cookie_of_its_ipv4_address(
    tmp_path: Path,
) -> None:
    cookies, _ = made(SECRET, now=1559731985, path=tmp_path)
    given = cookies.verify("::ffff:198.51.100.100", b"12345678").reply
    assert cookies.verify("198.51.100.100", given).proof is Proof.VALID


@settings(deadline=None)
@given(st.binary(min_size=16, max_size=40))
def test_no_octets_but_ours_are_a_valid_cookie(octets: bytes) -> None:
    clock = Clock(1e9)
    assert (
        Cookies(Secrets(None, clock, clock), clock, clock).verify("192.0.2.1", octets).proof
        is Proof.INVALID
    )


def test_what_is_remembered_is_bounded_and_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cookies_module, "KEPT_MAXIMUM", 10)
    clock, wall = Clock(1.0), Clock(1e9)
    cookies = Cookies(Secrets(None, clock, wall), clock, wall)
    for n in range(100):
        cookies.verify("192.0.2.1", n.to_bytes(8, "big"))
        assert len(cookies._kept) <= 10
    valid = cookies.verify("192.0.2.1", b"12345678").reply
    assert not cookies.known("192.0.2.1", valid), "not yet judged"
    cookies.verify("192.0.2.1", valid)
    assert cookies.known("192.0.2.1", valid)
    assert not cookies.known("192.0.2.2", valid)
    clock.now += 61.0
    assert not cookies.known("192.0.2.1", valid)


def test_two_servers_with_one_seed_have_the_same_secrets_and_rotate_together(
    tmp_path: Path,
) -> None:
    file = tmp_path / "cookies"
    file.write_text(f"# of all frontends\nseed {'ab' * 32}\n")
    clock, wall = Clock(), Clock(10 * ROTATION_SECONDS - 1)
    one, other = Secrets(file, clock, wall), Secrets(file, clock, wall)
    before = one.current()
    assert before == other.current()
    assert len(before) == 2
    wall.now += 2
    after = one.current()
    assert after == other.current()
    assert after[1] == before[0], "the one before is accepted still"
    assert after[0] not in before
    assert derive(bytes.fromhex("ab" * 32), 10) == after[0]


def test_a_changed_file_is_read_again_and_a_bad_one_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "cookies"
    file.write_text(OLD)
    clock, wall = Clock(), Clock(1e9)
    secrets = Secrets(file, clock, wall)
    assert secrets.current() == (bytes.fromhex(OLD),)
    for text, accepted in (
        (f"{NEW}\n{OLD} # until tomorrow\n", (NEW, OLD)),
        ("nonsense", (NEW, OLD)),
        (NEW, (NEW,)),
    ):
        file.unlink()
        file.write_text(text)
        clock.now += READ_SECONDS
        assert secrets.current() == tuple(map(bytes.fromhex, accepted))
    file.unlink()
    clock.now += READ_SECONDS
    assert secrets.current() == (bytes.fromhex(NEW),)


@pytest.mark.parametrize(
    "text", ["", "# none", "abcd", SECRET + "00", f"seed {SECRET}\n{OLD}", "seed abcd", f"x {OLD}"]
)
def test_a_file_that_cannot_be_meant_is_refused(text: str) -> None:
    with pytest.raises(SecretFileError):
        parse(text)
