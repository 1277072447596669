"""One question about a name's addresses, by a client that is nobody's of ours.

What dnspython accepts as an answer, other clients accept.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import dns.asyncbackend
import dns.asyncquery
import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype

from sheetanchor.cli.demo.track import Track

TIMEOUT_SECONDS = 5.0
"""On the loopback nothing is lost; this is how busy a machine may be, and how long a resolver
waits by default (resolv.conf(5))."""


async def ask(sock: Any, port: int, name: str, track: Track) -> None:
    """Ask for the A records of `name`, and write down in `track` what came."""
    query = dns.message.make_query(name, dns.rdatatype.A, use_edns=0, payload=1232)
    begin = time.monotonic()
    try:
        reply = await dns.asyncquery.udp(
            query,
            "127.0.0.1",
            TIMEOUT_SECONDS,
            port,
            sock=sock,
            # the answer to a question given up on must not be taken for this one's
            ignore_errors=True,
        )
    except dns.exception.Timeout:
        track.saw_nothing(time.monotonic(), f"no answer within {TIMEOUT_SECONDS:g} s")
        return
    except (dns.exception.DNSException, OSError) as error:
        track.saw_nothing(time.monotonic(), f"{type(error).__name__}: {error}")
        return
    now = time.monotonic()
    addresses = frozenset(
        record.address
        for records in reply.answer
        if records.rdtype == dns.rdatatype.A
        for record in records
    )
    if addresses:
        track.saw(now, addresses, now - begin)
        return
    code = reply.rcode()
    text = "NODATA" if code == dns.rcode.NOERROR else dns.rcode.to_text(code)
    track.saw_none(now, text, now - begin)


@contextlib.asynccontextmanager
async def asking_from(source: str) -> AsyncIterator[Any]:
    """A socket for questions from the address `source`."""
    backend: Any = dns.asyncbackend.get_default_backend()
    sock = await backend.make_socket(socket.AF_INET, socket.SOCK_DGRAM, 0, (source, 0))
    async with sock:
        yield sock
