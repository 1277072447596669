"""Replies to usual queries, whole but for the identifier, at addresses that stay.

The key of a reply is the whole query but for its identifier, so that no header bit and no
EDNS field of one client reaches another one's reply (RFC 8906, section 8); each view has a
shelf of its own. A reply is good for as long as the table has the very body that it was made from.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from dns_frontend.server.clients import Client
from dns_frontend.server.mmsg import IDENTIFIER_OCTETS, PART, area
from dns_frontend.server.settings import UDP_OCTETS
from dns_frontend.wire.body import Body

OCTETS = 4 * 2**20
"""All that is kept; when it is full, all is forgotten, and kept as it is asked."""
TURNS = 16
"""Answers with more turns are made for each query."""
_ONE_QUESTION = b"\0\1\0\0\0\0\0\0"
_ONE_QUESTION_AND_RECORD = b"\0\1\0\0\0\0\0\1"
_OPT_START = b"\0\0\x29"
_OPT_OCTETS = 11


Kind = tuple[int, int]
"""The code, and the number of the mode, to be counted."""
Entry = tuple[Any, ...]
"""The replies to one query, close together since memory is slow: the change of the table at which
they were found good, how many turns there are, their kind, the question, the body that they were
made from; then by turn where the reply lies, as a part, or None while it was not asked for."""
ENTRY_REPLIES = 5


class Shelf(NamedTuple):
    """What is at hand for one client."""

    address: str
    find: Callable[[bytes], Entry | None]
    """By query without its identifier."""
    body: Callable[[bytes], Body | None]
    """What the table has now for a question in lower case."""
    view: str | None
    """None: nothing is kept for such a client."""


class Shelves:
    """The replies kept for one socket."""

    def __init__(self) -> None:
        self._at, self._area = area(OCTETS)
        self._used = 0
        self._full = False
        self._entries: dict[str, dict[bytes, Entry]] = {}
        self._kinds: dict[Kind, Kind] = {}

    def __repr__(self) -> str:
        return f"Shelves({self._used} octets of {OCTETS})"

    def tidy(self) -> None:
        """Make room, if there is none. Not while a reply that lies here is yet to be sent."""
        if self._full:
            for entries in self._entries.values():
                entries.clear()
            self._used = 0
            self._full = False

    def of(self, client: Client) -> Shelf:
        """What is at hand for a client; for one whose rate is limited that is nothing."""
        if client.buckets is not None or client.octets != UDP_OCTETS:
            return nothing_for(client.address)
        entries = self._entries.setdefault(client.view, {})
        return Shelf(client.address, entries.get, client.answers.get, client.view)

    def keep(self, packet: bytes, reply: bytes, shelf: Shelf, change: int) -> bytes | None:
        """Keep the reply to a query, if it is one of the usual; it is then a part to be sent.

        `change` is the table's.
        """
        if shelf.view is None or len(packet) < 17 or packet[2] & 0xF8:
            return None
        end = packet.find(0, 12) + 5
        question = packet[12:end]
        # in lower case, or it is not found: what comes in random case comes once
        body = shelf.body(question)
        if body is None or body.partial or reply[2] & 0x02:
            return None
        counts, record = packet[4:12], packet[end:]
        if counts == _ONE_QUESTION_AND_RECORD:
            # version 0 without options
            if len(record) != _OPT_OCTETS or record[:3] != _OPT_START:
                return None
            if record[6] or record[9:] != b"\0\0":
                return None
        elif counts != _ONE_QUESTION or record:
            return None
        turns = len(body.starts) or 1
        octets = len(reply) - IDENTIFIER_OCTETS
        at = self._used
        if turns > TURNS or at + octets > OCTETS:
            self._full = turns <= TURNS
            return None
        self._used += octets
        self._area[at : at + octets] = reply[IDENTIFIER_OCTETS:]
        entries = self._entries[shelf.view]
        query = packet[IDENTIFIER_OCTETS:]
        entry = entries.get(query)
        replies: list[bytes | None] = [None] * turns
        if entry is not None and entry[4] is body:
            replies = list(entry[ENTRY_REPLIES:])
        part = PART.pack(self._at + at, octets)
        replies[packet[1] % turns] = part
        kind = (body.rcode, body.mode_number)
        kind = self._kinds.setdefault(kind, kind)
        entries[query] = (change, turns, kind, question, body, *replies)
        return part

    def renew(self, query: bytes, shelf: Shelf, change: int) -> Entry | None:
        """The replies that were found good before the last change, if they are now."""
        entry = shelf.find(query)
        if entry is None or shelf.view is None or shelf.body(entry[3]) is not entry[4]:
            return None
        entry = self._entries[shelf.view][query] = (change, *entry[1:])
        return entry


def nothing_for(address: str) -> Shelf:
    """For a client for which nothing is kept."""
    return Shelf(address, _nothing, _nothing, None)


def _nothing(_: bytes) -> None:
    return None
