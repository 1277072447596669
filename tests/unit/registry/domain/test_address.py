"""Literal addresses: one canonical form, as the library has it, and who can be sent to them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from registry.domain.address import canonical, no_host, unreachable

DIGITS_AND_DOTS = st.text("0123456789.", max_size=20)


@given(st.ip_addresses().map(str) | DIGITS_AND_DOTS | st.text(max_size=70))
@example("01.2.3.4")
@example("1.2.3.4\n")
@example("1.2.3.٤")
@example("256.1.1.1")
@example("FE80::1%eth0")
@example("0:0:0:0:0:0:0:1")
def test_the_quick_look_agrees_with_the_library_on_everything(text: str) -> None:
    try:
        expected = str(ip_address(text)) if len(text) <= 64 else None
    except ValueError:
        expected = None
    assert canonical(text) == expected


@given(st.ip_addresses().map(str))
@example("0.0.0.0")
@example("223.255.255.255")
@example("224.0.0.0")
@example("239.255.255.255")
@example("240.0.0.0")
@example("255.255.255.255")
@example("::")
@example("ff02::1")
def test_it_agrees_on_which_addresses_no_host_has(literal: str) -> None:
    address = ip_address(literal)
    assert bool(no_host(literal)) is (address.is_unspecified or address.is_multicast)


@pytest.mark.parametrize(
    ("literal", "fault"),
    [
        ("192.0.2.1", ""),
        ("2001:db8::1", ""),
        ("0.0.0.0", "is the unspecified address"),
        ("::", "is the unspecified address"),
        ("224.0.0.1", "is a multicast address"),
        ("ff02::1", "is a multicast address"),
        ("255.255.255.255", "is the broadcast address"),
        ("::ffff:192.0.2.1", "is an IPv4 address in disguise; give 192.0.2.1"),
        ("fe80::1%eth0", "has a scope, which means nothing to another host"),
    ],
)
def test_what_no_client_can_be_sent_to_is_named(literal: str, fault: str) -> None:
    assert unreachable(literal) == fault


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_its_own_canonical_form(address: IPv4Address | IPv6Address) -> None:
    assert canonical(str(address)) == str(address)
