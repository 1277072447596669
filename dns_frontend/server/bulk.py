"""The UDP loop in Python where the kernel takes many datagrams a call.

A usual query whose reply lies ready costs a look-up, and that reply is sent from where it
lies; whatever else comes is for the responder. Both loops beside this one give the same.
"""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Hashable

from dns_frontend.server.mmsg import HEAD_OCTETS, NO_REPLY, REPLY_OCTETS, SLOTS, Messages
from dns_frontend.server.responder import Responder
from dns_frontend.server.settings import REFUSED_PORTS
from dns_frontend.server.shelf import ENTRY_REPLIES, Kind, Shelf, Shelves, nothing_for

log = logging.getLogger(__name__)

ROUNDS = 4
"""Batches until others of the event loop get their turn."""
CLIENTS_KEPT = 65_536
"""Addresses at hand; a flood of forged ones cannot make more."""
_REFUSED = frozenset(map(socket.htons, REFUSED_PORTS))
_STARTS = range(0, SLOTS * HEAD_OCTETS, HEAD_OCTETS)
_FAULTS_LOGGED = 20


class Bulk:
    """One socket's loop; `run` is to be called when it can be read."""

    def __init__(self, responder: Responder, listener: socket.socket, *, wildcard: bool) -> None:
        self._responder = responder
        self._messages = Messages(listener, wildcard=wildcard)
        self._shelves = Shelves()
        self._clients: dict[Hashable, Shelf] = {}
        self._placed = 0
        self._faults_logged = 0

    def __repr__(self) -> str:
        return f"Bulk({len(self._clients)} clients, {self._shelves!r})"

    def run(self) -> int:
        """Answer what has arrived, at most some batches; returns how many datagrams there were.

        While one batch was answered the next has come: it is taken without waiting to be told.
        """
        all_got = 0
        for _ in range(ROUNDS):
            got = self._receive()
            if not got:
                break
            self._answer(got)
            all_got += got
        return all_got

    def _answer(self, got: int) -> None:
        """Answer what lies in so many slots."""
        messages = self._messages
        heads = messages.heads(got)
        sizes = messages.sizes(got)
        if max(sizes) > HEAD_OCTETS or not _REFUSED.isdisjoint(messages.ports(got)):
            self._set_aside(sizes)
        self._shelves.tidy()
        if self._placed != self._responder.clients.placed:
            # clients are in other regions than they were
            self._placed = self._responder.clients.placed
            self._clients.clear()
        parts: list[bytes] = []
        gaps: list[int] = []
        kinds: list[Kind] = []
        add, count = parts.append, kinds.append
        clients = self._clients
        last: Hashable = None
        shelf = nothing_for("")
        find = shelf.find
        # nothing changes while a batch is answered
        change = self._responder.table.changes
        # here every look-up is felt: what is unusual is below
        for start, size, sender, identifier in zip(
            _STARTS, sizes, messages.senders(got), messages.identifiers, strict=False
        ):
            if sender != last:
                shelf = clients.get(sender) or self._meet(sender, len(parts) // 2)
                find = shelf.find
                last = sender
            query = heads[start + 2 : start + size]
            entry = find(query)
            if entry is not None and entry[0] != change:
                entry = self._shelves.renew(query, shelf, change)
            if entry is not None:
                reply = entry[ENTRY_REPLIES + heads[start + 1] % entry[1]]
                if reply is not None:
                    add(identifier)
                    add(reply)
                    count(entry[2])
                    continue
            part = self._respond(len(parts) // 2, shelf)
            if part is None:
                gaps.append(len(parts) // 2)
                parts += (NO_REPLY, NO_REPLY)
            else:
                parts += (identifier, part)
        self._count(kinds)
        self._responder.counters.send_errors += messages.send(parts, gaps)

    def _receive(self) -> int:
        """How many datagrams came."""
        for _ in range(SLOTS):
            got = self._messages.receive()
            if got >= 0:
                return got
            if got in (-errno.EAGAIN, -errno.EINTR):
                break
            # an ICMP error for something sent before shows up here (ECONNREFUSED)
            self._responder.counters.receive_errors += 1
        return 0

    def _set_aside(self, sizes: list[int]) -> None:
        """Have nothing found for datagrams that are not whole in their heads, or from ports
        that are refused."""
        ports = self._messages.ports(len(sizes))
        for index, (size, port) in enumerate(zip(sizes, ports, strict=True)):
            if size > HEAD_OCTETS or port in _REFUSED:
                sizes[index] = 0

    def _meet(self, sender: Hashable, index: int) -> Shelf:
        address = self._messages.address(index)
        try:
            shelf = self._shelves.of(self._responder.clients.of(address))
        except Exception:  # the responder meets the same, and counts and tells it
            return nothing_for(address)
        if len(self._clients) >= CLIENTS_KEPT:
            self._clients.clear()
        self._clients[sender] = shelf
        return shelf

    def _respond(self, index: int, shelf: Shelf) -> bytes | None:
        """The reply of the responder, but for its identifier, as a part; None: there is none."""
        messages, counters = self._messages, self._responder.counters
        try:
            if messages.port(index) in _REFUSED:
                counters.dropped_port += 1
                return None
            packet = messages.datagram(index)
            reply = self._responder.respond(packet, shelf.address)
            if reply is None:
                return None
            if len(reply) > REPLY_OCTETS:
                # none is so long; a mistake of ours must not stop the others' replies
                counters.send_errors += 1
                return None
            return self._shelves.keep(
                packet, reply, shelf, self._responder.table.changes
            ) or messages.part(index, reply)
        except Exception:  # one datagram must not stop the loop that serves all others
            counters.faults += 1
            if self._faults_logged < _FAULTS_LOGGED:
                self._faults_logged += 1
                log.exception("a datagram could not be answered")
            return None

    def _count(self, kinds: list[Kind]) -> None:
        """Count what was found ready; once for a batch."""
        counters = self._responder.counters
        counters.queries_udp += len(kinds)
        for kind in set(kinds):
            times = kinds.count(kind)
            rcode, mode = kind
            counters.rcodes[rcode] += times
            counters.modes[mode] += times
