"""What a setting's text means. Pure: each function takes the text, and raises ValueError.

The message says what is wrong with the text; the caller says which setting it is of.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

_LABEL = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_ZONE_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_FRONTEND_ID = re.compile(r"[a-z0-9.-]{1,63}", re.ASCII)
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
LOG_FORMATS = ("auto", "json", "text")
UDP_LOOPS = ("auto", "python", "batch")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server listens."""

    host: str
    """Without brackets."""
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def endpoint(text: str) -> Endpoint:
    """`HOST:PORT`, `[IPV6]:PORT`; port 0 takes a free one."""
    host, colon, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not colon or not bare or (":" in bare) != host.startswith("["):
        raise ValueError(f"{text!r} is not HOST:PORT; IPv6 is written [::1]:5310")
    if not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{text!r}: the port must be 0 to 65535")
    return Endpoint(bare, int(port))


def literal_endpoint(text: str) -> Endpoint:
    """The same with a literal address: a name server must resolve no name to start (I22)."""
    found = endpoint(text)
    try:
        ipaddress.ip_address(found.host)
    except ValueError:
        raise ValueError(f"{found.host!r} is not an IP address") from None
    return found


def label(text: str) -> str:
    """A DNS label, as ids and regions are."""
    if not _LABEL.fullmatch(text):
        raise ValueError(f"{text!r} is not a DNS label of lower case")
    return text


def labels(text: str) -> tuple[str, ...]:
    """`a,b,c`, none twice."""
    found = tuple(label(part.strip()) for part in text.split(","))
    for name in found:
        if found.count(name) > 1:
            raise ValueError(f"{name!r} is there twice")
    return found


def zone(text: str) -> str:
    """An absolute domain name below the root, in lower case."""
    name = text.lower().removesuffix(".")
    if not all(_ZONE_LABEL.fullmatch(part) for part in name.split(".")):
        raise ValueError(f"{text!r} is not a domain name below the root")
    return f"{name}."


def frontend_id(text: str) -> str:
    """1 to 63 of `[a-z0-9.-]`."""
    if not _FRONTEND_ID.fullmatch(text):
        raise ValueError(f"{text!r} is not 1 to 63 of a-z, 0-9, '.' and '-'")
    return text


def ip(text: str) -> str:
    """A literal address in its usual spelling."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError(f"{text!r} is not an IP address") from None


def network(text: str) -> tuple[str, str]:
    """`CIDR=REGION`."""
    cidr, equals, region = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is not CIDR=REGION")
    try:
        return str(ipaddress.ip_network(cidr.strip())), label(region.strip())
    except ValueError as error:
        raise ValueError(f"{text!r}: {error}") from None


def cidr(text: str) -> str:
    """A network in its usual spelling."""
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise ValueError(f"{text!r}: {error}") from None


def count(text: str) -> int:
    """A number that is not below 0."""
    if not text.isascii() or not text.isdigit():
        raise ValueError(f"{text!r} is not a whole number of 0 or more")
    return int(text)


def seconds(text: str) -> float:
    """A time above 0, in seconds."""
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found < float("inf"):
        raise ValueError(f"{text!r} is not a number of seconds above 0")
    return found


def cluster(text: str) -> tuple[str, ...]:
    """`HOST:PORT[,HOST:PORT]`, the nodes of one registry, none twice."""
    nodes = [endpoint(part.strip()) for part in text.split(",")]
    for node in nodes:
        if not node.port:
            raise ValueError(f"{str(node)!r}: the port must be 1 to 65535")
    return tuple(dict.fromkeys(str(node) for node in nodes))


def path(text: str) -> Path:
    """A directory or file; `~` is the home directory."""
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise ValueError(f"{text!r}: {error}") from None


def flag(text: str) -> bool:
    """true, yes, 1, or false, no, 0."""
    try:
        return _TRUTH[text.lower()]
    except KeyError:
        raise ValueError(f"{text!r} is neither true nor false") from None


def log_level(text: str) -> str:
    """One of the four."""
    if text.upper() not in LOG_LEVELS:
        raise ValueError(f"{text!r} is not one of {', '.join(LOG_LEVELS)}")
    return text.upper()


def log_format(text: str) -> str:
    """One of the three."""
    if text.lower() not in LOG_FORMATS:
        raise ValueError(f"{text!r} is not one of {', '.join(LOG_FORMATS)}")
    return text.lower()


def udp_loop(text: str) -> str:
    """One of the three."""
    if text.lower() not in UDP_LOOPS:
        raise ValueError(f"{text!r} is not one of {', '.join(UDP_LOOPS)}")
    return text.lower()


def collector(text: str) -> str:
    """`http://HOST:PORT` or `https://HOST:PORT`."""
    try:
        parts = urlsplit(text)
        known = parts.scheme in ("http", "https") and parts.hostname and parts.port
    except ValueError:
        known = False
    if not known:
        raise ValueError(f"{text!r} is not http://HOST:PORT")
    return text


def words(text: str) -> str:
    """Any text; what it means is judged elsewhere."""
    return text
