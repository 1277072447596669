# cython: language_level=3, boundscheck=False, wraparound=False, embedsignature=False
"""The UDP loop in batches: one system call receives many datagrams, one sends many replies.

It knows the usual query, as the quick way of the responder does, and the name that is not
there, and gives the octets that the responder would; whatever is not usual it gives to the
responder. Answers are kept here as long as nothing changes; bodies come from the same
dictionaries. It is built where a compiler is there, and never needed. Every octet that is read
lies within the datagram, every one written within the reply; counts are written back once a batch.

The lock of the interpreter is held throughout: nothing here waits.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItemWithError
from cpython.object cimport PyObject
from cpython.tuple cimport PyTuple_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeLatin1
from dns_frontend.server._family cimport (
    CHILDREN, FAMILIES, FAMILY_OCTETS, Family, child_mark, is_stranger, mark_of,
)
from dns_frontend.server._kept cimport (
    COOKIE_OCTETS, KEPT_OCTETS, KEPT_PLACES, KEPT_TURNS, Kept, LINE_OCTETS, fetch_kept, fetch_tags,
    is_kept, is_kept_short, place_for, place_of, set_tag, write_kept,
)
from dns_frontend.server._slot cimport (
    CONTROL_OCTETS, DATAGRAM_OCTETS, NAME_OCTETS, OPT_OCTETS, REPLY_OCTETS, Slot, is_port_refused,
    read_query,
)
from dns_frontend.server._system cimport (
    AF_INET, CLOCK_MONOTONIC, EPOLLIN, EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_DEL, MSG_DONTWAIT,
    NI_NUMERICHOST, TFD_CLOEXEC, TFD_NONBLOCK, clock_gettime, epoll_create1, epoll_ctl, epoll_event,
    getnameinfo, itimerspec, mmsghdr, msghdr, recvmmsg, sendmmsg, sockaddr, sockaddr_in,
    sockaddr_in6, sockaddr_storage, source_of, timerfd_create, timerfd_settime, timespec,
)
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy, memset, strerror
from posix.unistd cimport close

import logging
from random import getrandbits

from dns_frontend.server.cookies import Proof
from dns_frontend.server.reply import opt_record
from dns_frontend.server.settings import REFUSED_PORTS, UDP_OCTETS, UDP_OCTETS_PLAIN

cdef enum:
    # as in `udp`
    BATCH = 64
    # batches until others of the event loop get their turn
    ROUNDS = 8
    # a batch of datagrams within this time is many, and a batch of less than that then short
    BUSY_NANOSECONDS = 2_000_000
    SHORT = 32
    # how long many are let gather
    PAUSE_NANOSECONDS = 100_000
    LABELS = 128
    RCODES = 24
    MODES = 8
    CLIENTS_KEPT = 65536
    FAULTS_LOGGED = 20
    FALL_THROUGH = -1
    NO_REPLY = 0

log = logging.getLogger(__name__)

cdef int MOST = UDP_OCTETS
cdef int MOST_PLAIN = UDP_OCTETS_PLAIN
cdef object VALID = Proof.VALID
cdef bytes _OPT = opt_record(False)
cdef const char *OPT_PLAIN = PyBytes_AS_STRING(_OPT)
# an import that fails leaves the other loop
if MOST + NAME_OCTETS > REPLY_OCTETS or len(_OPT) != OPT_OCTETS:
    raise ImportError("_batch was built for other limits")
if REFUSED_PORTS != {0, 7, 13, 19, 37}:
    raise ImportError("_batch was built for other ports")

include "_plate.pxi"
include "_messages.pxi"
include "_denials.pxi"
include "_waker.pxi"


cdef class Batch:
    """One socket's loop; `run` is to be called when it can be read."""

    cdef object _responder, _respond, _counters, _table, _remembered
    cdef Denials _denials
    cdef dict _guests
    cdef Guest _last
    cdef unsigned char _last_address[20]
    cdef Py_ssize_t _last_octets
    cdef Messages _messages
    # None: it is called by who knows when
    cdef Waker _waker
    # those of the messages, which live as long
    cdef Slot *_slots
    # of which both others are parts that begin with a line of the cache
    cdef void *_memory
    cdef Kept *_kept
    cdef unsigned int *_tags
    cdef unsigned long long _seed, _change, _placed
    # how often `run` was called
    cdef unsigned long long _batches
    cdef int _faults_logged
    cdef long _queries, _truncated
    cdef long _rcodes[RCODES]
    cdef long _modes[MODES]

    def __cinit__(self, *_):
        # untouched pages of it cost nothing
        self._memory = calloc(KEPT_PLACES * (sizeof(Kept) + sizeof(unsigned int)) + LINE_OCTETS, 1)
        if self._memory == NULL:
            raise MemoryError
        self._kept = <Kept *>(
            (<size_t>self._memory + LINE_OCTETS - 1) // LINE_OCTETS * LINE_OCTETS
        )
        self._tags = <unsigned int *>(self._kept + KEPT_PLACES)

    def __dealloc__(self):
        free(self._memory)

    def __init__(self, responder, int fd, bint wildcard, Waker waker=None):
        # who meets whom in a pair is nobody's to choose
        cdef unsigned long long token = getrandbits(64)
        self._seed = token
        self._placed = 0
        self._messages = Messages(responder.counters, fd, wildcard)
        self._waker = waker
        self._slots = self._messages.slots
        self._responder = responder
        self._respond = responder.respond
        self._counters = responder.counters
        self._table = responder.table
        self._denials = Denials(responder.table, token)
        self._guests = {}

    def __repr__(self):
        return f"Batch({self._messages!r}, {len(self._guests)} clients)"

    def run(self):
        """Answer what has arrived, at most some batches; returns how many datagrams there were.

        While one batch was answered the next has come: it is taken without waiting to be told.
        Where many come, and batches were short all the same, the rest is let gather.
        """
        cdef int got = 0, all_got = 0, least = 1
        cdef int each
        if self._waker is not None and self._waker.is_busy:
            least = SHORT
        self._batches += 1
        self._remembered = None
        if self._placed != self._responder.clients.placed:
            # clients are in other regions than they were
            self._placed = self._responder.clients.placed
            self._guests.clear()
            self._last_octets = 0
        # nothing changes while batches are answered; 0 is what nothing was kept at
        self._change = self._table.changes + 1
        self._denials.begin(self._change)
        for each in range(ROUNDS):
            got = self._run()
            all_got += got
            if got < least:
                break
        if all_got:
            self._count()
        if self._waker is not None:
            self._waker.heed(all_got, got < least)
        return all_got

    cdef int _run(self) except -1:
        """Answer a batch at most; how many datagrams there were."""
        cdef int got, index, waiting = 0
        cdef Py_ssize_t length
        cdef Slot *slot
        got = self._messages.receive()
        if got <= 0:
            return 0
        for index in range(got):
            slot = &self._slots[index]
            read_query(slot, self._messages.received[index].msg_len, MOST_PLAIN, self._seed)
            if slot.name:
                fetch_tags(self._tags, slot.mark)
        for index in range(got):
            slot = &self._slots[index]
            if slot.name:
                slot.place = place_of(self._tags, slot.mark)
                if slot.place >= 0:
                    fetch_kept(self._kept + slot.place)
        for index in range(got):
            slot = &self._slots[index]
            length = self._at_hand(slot)
            if length == FALL_THROUGH:
                try:
                    length = self._answer(index, self._messages.received[index].msg_len)
                except Exception:  # one datagram must not stop the loop that serves all others
                    length = NO_REPLY
                    self._fault()
            if length != NO_REPLY:
                self._messages.queue(index, length, waiting)
                waiting += 1
        self._messages.send(waiting)
        return got

    cdef Py_ssize_t _at_hand(self, Slot *slot) noexcept:
        """The length of the reply to a usual query of the client that asked before, of which all
        is at hand; or FALL_THROUGH, which has written nothing. No object is made for it."""
        cdef const Kept *kept
        cdef const char *cookie = NULL
        if not slot.name or is_port_refused(slot) or not self._is_last(slot) or self._last.limited:
            return FALL_THROUGH
        kept = self._found(slot, <void *>self._last.answers)
        if kept == NULL:
            return FALL_THROUGH
        if slot.cookie_octets:
            if not self._last.has_shown(slot, self._batches):
                return FALL_THROUGH
            cookie = PyBytes_AS_STRING(self._last.cookie)
        return self._write_kept(slot, kept, cookie)

    cdef inline const Kept *_found(self, const Slot *slot, const void *answers) noexcept:
        """The answer that is kept for a question, or its denial; NULL: there is none that is of
        now and surely fits a client of the least room, and so all."""
        cdef const Kept *kept
        if slot.place >= 0:
            kept = self._kept + slot.place
            if is_kept(kept, slot, answers, self._change):
                return kept if is_kept_short(kept, slot.name + 4, MOST_PLAIN) else NULL
        return self._denials.at_hand(slot)

    cdef Py_ssize_t _write_kept(self, Slot *slot, const Kept *kept, const char *cookie) noexcept:
        self._queries += 1
        self._rcodes[kept.rcode] += 1
        self._modes[kept.mode] += 1
        return write_kept(slot, kept, OPT_PLAIN, cookie)

    cdef Py_ssize_t _answer(self, int index, Py_ssize_t size) except -2:
        """The length of the reply to a datagram of so many octets, or NO_REPLY."""
        cdef Slot *slot = &self._slots[index]
        cdef Py_ssize_t length = FALL_THROUGH
        cdef Guest guest
        cdef bytes reply
        if is_port_refused(slot):
            self._counters.dropped_port += 1
            return NO_REPLY
        guest = self._guest(index)
        if guest is None:
            return NO_REPLY
        if slot.name and not guest.limited:
            try:
                length = self._quick(slot, guest)
            except Exception:  # the responder judges, counts and tells whatever went wrong
                length = FALL_THROUGH
        if length != FALL_THROUGH:
            return length
        reply = self._respond(PyBytes_FromStringAndSize(<char *>slot.packet, size), guest.address)
        if reply is None:
            return NO_REPLY
        length = PyBytes_GET_SIZE(reply)
        if length > REPLY_OCTETS:
            # none is so long; a mistake of ours must not write past the end
            self._counters.send_errors += 1
            return NO_REPLY
        memcpy(slot.reply, PyBytes_AS_STRING(reply), length)
        return length

    cdef bint _is_last(self, const Slot *slot) noexcept:
        """Whether a datagram came from the client that was found last."""
        if slot.peer.ss_family == AF_INET:
            return self._last_octets == 4 and memcmp(
                &(<const sockaddr_in *>&slot.peer).sin_addr, self._last_address, 4
            ) == 0
        return self._last_octets == 20 and memcmp(
            &(<const sockaddr_in6 *>&slot.peer).sin6_addr, self._last_address, 16
        ) == 0 and memcmp(
            &(<const sockaddr_in6 *>&slot.peer).sin6_scope_id, self._last_address + 16, 4
        ) == 0

    cdef int _fault(self) except -1:
        self._counters.faults += 1
        if self._faults_logged < FAULTS_LOGGED:
            self._faults_logged += 1
            log.exception("a datagram could not be answered")
        return 0

    cdef Guest _guest(self, int index):
        """Who sent a datagram."""
        cdef Slot *slot = &self._slots[index]
        cdef unsigned char address[20]
        cdef Py_ssize_t octets
        cdef char host[1025]
        cdef PyObject *found
        cdef Guest guest
        if slot.peer.ss_family == AF_INET:
            octets = 4
            memcpy(address, &(<sockaddr_in *>&slot.peer).sin_addr, 4)
        else:
            octets = 20
            memcpy(address, &(<sockaddr_in6 *>&slot.peer).sin6_addr, 16)
            memcpy(address + 16, &(<sockaddr_in6 *>&slot.peer).sin6_scope_id, 4)
        if self._is_last(slot):
            return self._last
        key = PyBytes_FromStringAndSize(<char *>address, octets)
        found = PyDict_GetItemWithError(self._guests, key)
        if found != NULL:
            guest = <Guest>found
        else:
            if getnameinfo(
                <sockaddr *>&slot.peer, self._messages.received[index].msg_hdr.msg_namelen,
                host, sizeof(host), NULL, 0, NI_NUMERICHOST,
            ):
                self._counters.receive_errors += 1
                return None
            if len(self._guests) >= CLIENTS_KEPT:
                self._guests.clear()
            name = (<bytes>host).decode("ascii")
            guest = self._guests[key] = Guest(self._responder.clients.of(name))
        self._last = guest
        self._last_octets = octets
        memcpy(self._last_address, address, octets)
        return guest

    cdef Py_ssize_t _quick(self, Slot *slot, Guest guest) except -2:
        """The length of the reply to a usual query, or FALL_THROUGH, which has written nothing."""
        cdef const unsigned char *lower = slot.lower
        cdef Py_ssize_t name = slot.name
        cdef Py_ssize_t question = name + 4
        cdef const Kept *kept
        cdef const char *told = NULL
        cdef bytes verified = None
        cdef PyObject *found
        cdef Plate plate
        cdef int most = guest.octets, room
        kept = self._found(slot, <void *>guest.answers)
        if kept != NULL:
            if slot.cookie_octets:
                verified = self._cookie(guest, slot, &most)
                if verified is None:
                    return FALL_THROUGH
                told = PyBytes_AS_STRING(verified)
            return self._write_kept(slot, kept, told)
        body = self._denials.body(lower, name, guest.view, False)
        if body is None:
            key = PyBytes_FromStringAndSize(<const char *>lower, question)
            found = PyDict_GetItemWithError(guest.answers, key)
            if found != NULL:
                plate = plate_of(<object>found)
                self._keep(slot, plate, guest)
            else:
                body = self._denials.body(lower, name, guest.view, True)
                if body is None:
                    return FALL_THROUGH
                plate = plate_of(body)
        else:
            plate = plate_of(body)
        if slot.cookie_octets:
            if PyBytes_GET_SIZE(plate.option):
                return FALL_THROUGH
            verified = self._cookie(guest, slot, &most)
            if verified is None:
                return FALL_THROUGH
        # RFC 6891, section 6.2.3: less than 512 means 512
        room = max(min(slot.room, most), MOST_PLAIN)
        return self._splice(slot, question, plate, guest, room, verified)

    cdef int _keep(self, const Slot *slot, Plate plate, Guest guest) except -1:
        """Keep what is compiled for a question."""
        cdef int place = place_for(self._tags, slot.mark)
        cdef Kept *kept = self._kept + place
        if keep(kept, plate, slot.name + 4, self._change):
            set_tag(self._tags, place, slot.mark)
            kept.mark = slot.mark
            kept.answers = <void *>guest.answers
            memcpy(kept.data, slot.lower, kept.question)
        return 0

    cdef bytes _cookie(self, Guest guest, const Slot *slot, int *most):
        """The cookie to reply with, of 24 octets; None when it is to be judged first."""
        cdef const char *cookie = <const char *>slot.packet + slot.cookie
        if not guest.has_shown(slot, self._batches):
            if self._remembered is None:
                self._remembered = self._responder.cookies.remembered()
            found = (<dict>self._remembered).get(
                (guest.address, PyBytes_FromStringAndSize(cookie, slot.cookie_octets))
            )
            if found is None or len(found.reply) != COOKIE_OCTETS:
                return None
            guest.cookie, guest.is_proven = found.reply, found.proof is VALID
            memcpy(guest.shown, cookie, slot.cookie_octets)
            guest.shown_octets, guest.shown_in = slot.cookie_octets, self._batches
        if guest.is_proven:
            most[0] = MOST
        return guest.cookie

    cdef Py_ssize_t _splice(
        self, Slot *slot, Py_ssize_t question, Plate plate, Guest guest, Py_ssize_t room,
        bytes cookie
    ) except -2:
        """Write the reply: 12 octets, the question, records, and OPT where the query has it."""
        cdef const unsigned char *packet = slot.packet
        cdef unsigned char *reply = slot.reply
        cdef int form = slot.form
        cdef const char *records = PyBytes_AS_STRING(plate.full)
        cdef Py_ssize_t octets = PyBytes_GET_SIZE(plate.full)
        cdef Py_ssize_t turns = PyTuple_GET_SIZE(plate.starts)
        cdef Py_ssize_t turn
        cdef bytes head = <bytes>plate.full_heads[form]
        cdef Py_ssize_t opt = 0
        cdef Py_ssize_t at = 12 + question
        cdef bint cut = False
        cdef const unsigned char *asked = packet + at
        cdef Py_ssize_t options = PyBytes_GET_SIZE(plate.option)
        if form >= 2:
            opt = 11 + (options if cookie is None else 28)
        if at + octets + opt > room:
            records = PyBytes_AS_STRING(plate.lean)
            octets = PyBytes_GET_SIZE(plate.lean)
            head = <bytes>plate.lean_heads[form]
            # RFC 2181, section 9 and RFC 6891, section 7: no part of a set, only that it is cut
            cut = at + octets + opt > room
        elif turns:
            turn = (guest.lot if plate.partial else packet[1]) % turns
            # within the ring, as the plate has checked
            records = PyBytes_AS_STRING(plate.ring) + <Py_ssize_t>plate.starts[turn]
        if (at + opt if cut else room) > REPLY_OCTETS:
            return FALL_THROUGH
        memcpy(reply, packet, 2)
        memcpy(reply + 2, PyBytes_AS_STRING(head), 10)
        memcpy(reply + 12, packet + 12, question)
        if cut:
            reply[2] |= 0x02
            memset(reply + 6, 0, 5)
            reply[11] = 1 if form >= 2 else 0
            self._truncated += 1
        else:
            memcpy(reply + at, records, octets)
            at += octets
        if form >= 2:
            # RFC 6891, section 6.1.3; DO is copied (RFC 3225, section 3)
            reply[at] = reply[at + 1] = 0
            reply[at + 2] = 41
            reply[at + 3] = MOST >> 8
            reply[at + 4] = MOST & 0xFF
            reply[at + 5] = reply[at + 6] = 0
            reply[at + 7] = asked[7] & 0x80
            reply[at + 8] = 0
            if cookie is not None:
                reply[at + 9] = 0
                reply[at + 10] = 28
                memcpy(reply + at + 11, b"\0\x0a\0\x18", 4)
                memcpy(reply + at + 15, PyBytes_AS_STRING(cookie), 24)
            else:
                reply[at + 9] = options >> 8
                reply[at + 10] = options & 0xFF
                memcpy(reply + at + 11, PyBytes_AS_STRING(plate.option), options)
            at += opt
        self._queries += 1
        self._rcodes[plate.rcode] += 1
        self._modes[plate.mode] += 1
        return at

    cdef int _count(self) except -1:
        """Add what batches came to; once for all their datagrams."""
        cdef int index
        counters = self._counters
        if self._queries:
            counters.queries_udp += self._queries
            self._queries = 0
        if self._truncated:
            counters.truncated += self._truncated
            self._truncated = 0
        for index in range(RCODES):
            if self._rcodes[index]:
                counters.rcodes[index] += self._rcodes[index]
                self._rcodes[index] = 0
        for index in range(MODES):
            if self._modes[index]:
                counters.modes[index] += self._modes[index]
                self._modes[index] = 0
        return 0
