"""Literal IP addresses: their one canonical form, and which of them no client can be sent to.

Nearly all are IPv4 addresses in that form already, and a pattern tells these apart for a
fraction of what the library asks to read one.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

LONGEST = 64
"""The longest literal has 45 characters; the parser need not see a megabyte."""
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_V4 = re.compile(rf"({_OCTET})(?:\.{_OCTET}){{3}}", re.ASCII)


def canonical(text: str) -> str | None:
    """The address as it is always written; None when `text` is no literal address."""
    if _V4.fullmatch(text):
        return text
    try:
        return str(ip_address(text if len(text) <= LONGEST else ""))
    except ValueError:
        return None


# no_host
#
#   address                           of no host
#   --------------------------------  ---------------------------------------------------------
#   0.0.0.0, ::                       the unspecified address
#   224.0.0.0/4 (RFC 5771, 3), ff::/8  a multicast address
#   any other                         empty
def no_host(literal: str) -> str:
    """What an address is that no host has for its own; empty if one may have it."""
    first = _V4.fullmatch(literal)
    if first is not None:
        if literal == "0.0.0.0":
            return "is the unspecified address"
        return "is a multicast address" if 224 <= int(first[1]) <= 239 else ""
    address = ip_address(literal)
    if address.is_unspecified:
        return "is the unspecified address"
    return "is a multicast address" if address.is_multicast else ""


def unreachable(literal: str) -> str:
    """Why no client could be sent to an address in canonical form; empty if one could."""
    if fault := no_host(literal):
        return fault
    if literal == "255.255.255.255":
        return "is the broadcast address"
    if ":" not in literal:
        return ""
    match ip_address(literal):
        case IPv6Address(ipv4_mapped=IPv4Address() as inner):
            return f"is an IPv4 address in disguise; give {inner}"
        case IPv6Address(scope_id=str()):
            return "has a scope, which means nothing to another host"
        case _:
            return ""
