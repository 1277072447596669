# cython: language_level=3, boundscheck=False, wraparound=False, embedsignature=False
"""The UDP loop in batches: one system call receives many datagrams, one sends many replies.

It knows the usual query, as the quick way of the responder does, and the name that is not
there, and gives the octets that the responder would; whatever is not usual it gives to the
responder. No answer is kept here: bodies come from the same dictionaries. It is built where
a compiler is there, and never needed. Every octet that is read lies within the datagram,
every one written within the reply; counts are written back once a batch.

The lock of the interpreter is held throughout: nothing here waits.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItemWithError
from cpython.object cimport PyObject
from cpython.tuple cimport PyTuple_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeLatin1
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdlib cimport calloc, free
from libc.string cimport memchr, memcmp, memcpy, memset

import logging
from random import getrandbits

from dns_frontend.server.cookies import Proof
from dns_frontend.server.reply import opt_record
from dns_frontend.server.settings import UDP_OCTETS, UDP_OCTETS_PLAIN

cdef extern from "<sys/socket.h>" nogil:
    ctypedef unsigned int socklen_t
    cdef struct sockaddr:
        pass
    cdef struct sockaddr_storage:
        unsigned short ss_family
    cdef struct iovec:
        void *iov_base
        size_t iov_len
    cdef struct msghdr:
        void *msg_name
        socklen_t msg_namelen
        iovec *msg_iov
        size_t msg_iovlen
        void *msg_control
        size_t msg_controllen
        int msg_flags
    cdef struct mmsghdr:
        msghdr msg_hdr
        unsigned int msg_len
    cdef struct cmsghdr:
        size_t cmsg_len
        int cmsg_level
        int cmsg_type
    cdef struct timespec:
        pass
    int AF_INET, AF_INET6, MSG_DONTWAIT
    int recvmmsg(int fd, mmsghdr *messages, unsigned int count, int flags, timespec *timeout)
    int sendmmsg(int fd, mmsghdr *messages, unsigned int count, int flags)
    cmsghdr *CMSG_FIRSTHDR(msghdr *message)
    cmsghdr *CMSG_NXTHDR(msghdr *message, cmsghdr *after)
    unsigned char *CMSG_DATA(cmsghdr *header)
    size_t CMSG_LEN(size_t length)
    size_t CMSG_SPACE(size_t length)

cdef extern from "<netinet/in.h>" nogil:
    cdef struct in_addr:
        unsigned int s_addr
    cdef struct in6_addr:
        pass
    cdef struct sockaddr_in:
        unsigned short sin_port
        in_addr sin_addr
    cdef struct sockaddr_in6:
        unsigned short sin6_port
        in6_addr sin6_addr
        unsigned int sin6_scope_id
    cdef struct in_pktinfo:
        unsigned int ipi_ifindex
        in_addr ipi_spec_dst
        in_addr ipi_addr
    cdef struct in6_pktinfo:
        pass
    int IPPROTO_IP, IP_PKTINFO, IPPROTO_IPV6, IPV6_PKTINFO
    unsigned short ntohs(unsigned short number)

cdef extern from *:
    void __builtin_prefetch(const void *)

cdef extern from "<netdb.h>" nogil:
    int NI_NUMERICHOST, NI_MAXHOST
    int getnameinfo(
        sockaddr *address, socklen_t size, char *host, socklen_t room, char *service,
        socklen_t service_room, int flags
    )

cdef enum:
    # as in `udp`
    BATCH = 64
    DATAGRAM_OCTETS = 4096
    # no reply over UDP is longer than UDP_OCTETS and the longest name
    REPLY_OCTETS = 2016
    CONTROL_OCTETS = 256
    NAME_OCTETS = 255
    LABELS = 128
    RCODES = 24
    MODES = 8
    CLIENTS_KEPT = 65536
    FAULTS_LOGGED = 20
    # pairs of answers; two names that meet in a pair do not displace each other
    KEPT_PAIRS = 8192
    KEPT_OCTETS = 304
    KEPT_TURNS = 16
    FALL_THROUGH = -1

log = logging.getLogger(__name__)

cdef int MOST = UDP_OCTETS
cdef int MOST_PLAIN = UDP_OCTETS_PLAIN
cdef object VALID = Proof.VALID
cdef bytes _OPT = opt_record(False)
cdef const char *OPT_PLAIN = PyBytes_AS_STRING(_OPT)
# an import that fails leaves the other loop
if MOST + NAME_OCTETS > REPLY_OCTETS:
    raise ImportError("_batch was built for other limits")


cdef struct Slot:
    # one datagram and its reply; `name` is how long the name is, 0: nothing usual is asked
    sockaddr_storage peer
    Py_ssize_t name
    unsigned long long mark
    unsigned char lower[NAME_OCTETS + 4 + 8]
    iovec into
    iovec out_of
    unsigned char control[CONTROL_OCTETS]
    unsigned char source[CONTROL_OCTETS]
    unsigned char packet[DATAGRAM_OCTETS]
    unsigned char reply[REPLY_OCTETS]


cdef struct Kept:
    # one compiled answer laid out in a row, as it was at a change of the table
    unsigned long long mark
    void *answers
    unsigned long long change
    unsigned short question, octets, turns
    unsigned char rcode, mode
    unsigned char head[10]
    unsigned short starts[KEPT_TURNS]
    # the question in lower case, then the records, or the ring of them
    unsigned char data[KEPT_OCTETS]


cdef class Plate:
    """A body as it is read here; made once for each."""

    cdef bytes full, lean, option, ring
    cdef tuple full_heads, lean_heads, starts
    cdef int rcode, mode
    cdef bint partial, is_plain

    def __init__(self, body):
        self.full, self.lean, self.option = body.full, body.lean, body.option
        self.full_heads, self.lean_heads = body.full_heads, body.lean_heads
        self.rcode = body.rcode
        self.mode = body.mode_number
        self.ring, self.starts, self.partial = body.ring, body.starts, body.partial
        for heads in (self.full_heads, self.lean_heads):
            if len(heads) != 4 or any(type(h) is not bytes or len(h) != 10 for h in heads):
                raise ValueError("a body whose header is none")
        if not (0 <= self.rcode < RCODES and 0 <= self.mode < MODES):
            raise ValueError("a body whose code or mode is none")
        # whether RD and OPT make no other difference to the header than a bit and one record
        head = self.full_heads[0]
        self.is_plain = head[9] < 255 and self.full_heads == tuple([
            bytes((head[0] | form & 1, *head[1:9], head[9] + (form >> 1))) for form in range(4)
        ])
        last = len(self.ring) - len(self.full)
        if any(not 0 <= start <= last for start in self.starts):
            raise ValueError("a body whose turns lead out of its ring")


cdef class Guest:
    """A client as it is read here; made once for each address."""

    cdef dict answers
    cdef str address, view
    cdef bint limited
    cdef int octets
    cdef unsigned long lot
    # the cookie that it showed last, and what came of it in one batch
    cdef unsigned char shown[24]
    cdef Py_ssize_t shown_octets
    cdef unsigned long long shown_in
    cdef bytes cookie
    cdef bint is_proven

    def __init__(self, client):
        self.answers = client.answers
        self.address, self.view = client.address, client.view
        self.limited = client.buckets is not None
        self.lot = client.lot
        self.octets = min(max(client.octets, MOST_PLAIN), MOST)


cdef class Batch:
    """One socket's loop; `run` is to be called when it can be read."""

    cdef object _responder, _respond, _find, _counters, _table, _remembered
    cdef dict _guests, _families
    cdef list _denials
    cdef bytes _zone
    cdef Guest _last
    cdef unsigned char _last_address[20]
    cdef Py_ssize_t _last_octets
    cdef int _fd
    cdef bint _wildcard
    cdef Slot *_slots
    cdef Kept *_kept
    cdef unsigned long long _seed, _change, _batches
    cdef mmsghdr *_received
    cdef mmsghdr *_replies
    cdef int _faults_logged
    cdef long _queries, _truncated
    cdef long _rcodes[RCODES]
    cdef long _modes[MODES]

    def __cinit__(self):
        self._slots = <Slot *>calloc(BATCH, sizeof(Slot))
        # untouched pages of it cost nothing
        self._kept = <Kept *>calloc(2 * KEPT_PAIRS, sizeof(Kept))
        self._received = <mmsghdr *>calloc(BATCH, sizeof(mmsghdr))
        self._replies = <mmsghdr *>calloc(BATCH, sizeof(mmsghdr))
        if self._slots == NULL or self._kept == NULL or self._received == NULL or self._replies == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self._slots)
        free(self._kept)
        free(self._received)
        free(self._replies)

    def __init__(self, responder, int fd, bint wildcard):
        # who meets whom in a pair is nobody's to choose
        cdef unsigned long long token = getrandbits(64)
        self._fd = fd
        self._seed = token
        self._responder = responder
        self._respond = responder.respond
        self._counters = responder.counters
        self._table = responder.table
        self._find = responder.table.find
        self._families = responder.table.families.of
        self._zone = responder.table.zone_wire
        self._wildcard = wildcard
        self._guests = {}
        cdef Slot *slot
        for index in range(BATCH):
            slot = &self._slots[index]
            slot.into.iov_base = slot.packet
            slot.into.iov_len = DATAGRAM_OCTETS
            slot.out_of.iov_base = slot.reply
            self._received[index].msg_hdr.msg_name = &slot.peer
            self._received[index].msg_hdr.msg_iov = &slot.into
            self._received[index].msg_hdr.msg_iovlen = 1
            self._replies[index].msg_hdr.msg_iovlen = 1

    def __repr__(self):
        return f"Batch(fd={self._fd}, {len(self._guests)} clients)"

    def run(self):
        """Answer what has arrived, at most a batch; returns how many datagrams there were."""
        cdef int got, index, waiting = 0
        got = self._receive()
        if got <= 0:
            return 0
        self._batches += 1
        self._remembered = self._denials = None
        # nothing changes while a batch is answered; 0 is what nothing was kept at
        self._change = self._table.changes + 1
        for index in range(got):
            self._prepare(&self._slots[index], self._received[index].msg_len)
        for index in range(got):
            try:
                if self._answer(index, self._received[index].msg_len, waiting):
                    waiting += 1
            except Exception:  # one datagram must not stop the loop that serves all others
                self._counters.faults += 1
                if self._faults_logged < FAULTS_LOGGED:
                    self._faults_logged += 1
                    log.exception("a datagram could not be answered")
        self._count()
        self._send(waiting)
        return got

    cdef int _receive(self) except -1:
        """How many datagrams came, which lie in the first slots."""
        cdef int got, index
        for index in range(BATCH):
            # the kernel writes what it used over what there is
            self._received[index].msg_hdr.msg_namelen = sizeof(sockaddr_storage)
            if self._wildcard:
                self._received[index].msg_hdr.msg_control = self._slots[index].control
                self._received[index].msg_hdr.msg_controllen = CONTROL_OCTETS
        for _ in range(BATCH):
            got = recvmmsg(self._fd, self._received, BATCH, MSG_DONTWAIT, NULL)
            if got >= 0:
                return got
            if errno == EAGAIN or errno == EINTR:
                return 0
            # an ICMP error for something sent before shows up here (ECONNREFUSED)
            self._counters.receive_errors += 1
        return 0

    cdef int _send(self, int waiting) except -1:
        """Send the first replies; one that cannot be sent holds up no other."""
        cdef int done = 0, sent
        while done < waiting:
            sent = sendmmsg(self._fd, self._replies + done, waiting - done, MSG_DONTWAIT)
            if sent > 0:
                done += sent
            elif errno != EINTR:
                self._counters.send_errors += 1
                done += 1
        return 0

    cdef bint _answer(self, int index, Py_ssize_t size, int place) except -1:
        """Whether there is a reply to a datagram; it is then put at a place in the queue."""
        cdef Slot *slot = &self._slots[index]
        cdef Py_ssize_t length = FALL_THROUGH
        cdef Guest guest
        cdef bytes reply
        cdef unsigned short port
        # it lies at the same place in both families
        port = ntohs((<sockaddr_in *>&slot.peer).sin_port)
        if port in (0, 7, 13, 19, 37):
            self._counters.dropped_port += 1
            return False
        guest = self._guest(index)
        if guest is None:
            return False
        if not guest.limited:
            try:
                length = self._quick(slot, size, guest)
            except Exception:  # the responder judges, counts and tells whatever went wrong
                length = FALL_THROUGH
        if length == FALL_THROUGH:
            reply = self._respond(
                PyBytes_FromStringAndSize(<char *>slot.packet, size), guest.address
            )
            if reply is None:
                return False
            length = PyBytes_GET_SIZE(reply)
            if length > REPLY_OCTETS:
                # none is so long; a mistake of ours must not write past the end
                self._counters.send_errors += 1
                return False
            memcpy(slot.reply, PyBytes_AS_STRING(reply), length)
        else:
            self._queries += 1
        self._queue(index, length, place)
        return True

    cdef void _queue(self, int index, Py_ssize_t length, int place) noexcept:
        cdef Slot *slot = &self._slots[index]
        cdef msghdr *reply = &self._replies[place].msg_hdr
        slot.out_of.iov_len = length
        reply.msg_iov = &slot.out_of
        reply.msg_name = &slot.peer
        reply.msg_namelen = self._received[index].msg_hdr.msg_namelen
        reply.msg_control = NULL
        reply.msg_controllen = 0
        if self._wildcard:
            reply.msg_controllen = _source(&self._received[index].msg_hdr, slot.source)
            if reply.msg_controllen:
                reply.msg_control = slot.source

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
        if octets == self._last_octets and memcmp(address, self._last_address, octets) == 0:
            return self._last
        key = PyBytes_FromStringAndSize(<char *>address, octets)
        found = PyDict_GetItemWithError(self._guests, key)
        if found != NULL:
            guest = <Guest>found
        else:
            if getnameinfo(
                <sockaddr *>&slot.peer, self._received[index].msg_hdr.msg_namelen,
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

    cdef void _prepare(self, Slot *slot, Py_ssize_t size) noexcept:
        """Find the name of a usual query, and have what may be kept of its answer fetched.

        Memory is slow, and works for all datagrams of a batch at the same time.
        """
        cdef const unsigned char *packet = slot.packet
        cdef const unsigned char *end
        cdef const char *kept
        slot.name = 0
        # QR and opcode must be 0, as must all counts but those of questions and additionals
        if size < 17 or packet[2] & 0xF8:
            return
        if packet[4] or packet[5] != 1 or packet[6] or packet[7] or packet[8] or packet[9]:
            return
        if packet[10] or packet[11] > 1:
            return
        end = <const unsigned char *>memchr(packet + 12, 0, min(size - 12 - 4, NAME_OCTETS))
        if end == NULL:
            return
        # checked: with type and class it ends within the datagram, and is within NAME_OCTETS
        slot.name = end - packet - 12 + 1
        slot.mark = _lowered(slot.lower, packet + 12, slot.name, self._seed)
        kept = <const char *>(self._kept + 2 * (slot.mark % KEPT_PAIRS))
        __builtin_prefetch(kept)
        __builtin_prefetch(kept + 64)
        __builtin_prefetch(kept + 128)
        __builtin_prefetch(kept + 192)
        __builtin_prefetch(kept + sizeof(Kept))

    cdef Py_ssize_t _quick(self, Slot *slot, Py_ssize_t size, Guest guest) except -2:
        """The length of the reply to a usual query, or FALL_THROUGH, which has written nothing.

        The datagram has `size` octets and the reply has room for REPLY_OCTETS.
        """
        cdef const unsigned char *packet = slot.packet
        cdef const unsigned char *lower = slot.lower
        cdef const unsigned char *record
        cdef unsigned char *reply = slot.reply
        cdef Kept *kept
        cdef Py_ssize_t name = slot.name
        cdef Py_ssize_t question = name + 4
        cdef Py_ssize_t left, room
        cdef bytes verified = None
        cdef bytes key
        cdef PyObject *found
        cdef Plate plate
        cdef const unsigned char *cookie = NULL
        cdef Py_ssize_t cookie_octets = 0
        cdef int form, most
        if not name:
            return FALL_THROUGH
        record = packet + 12 + question
        left = size - 12 - question
        form = packet[2] & 1
        most = guest.octets
        if packet[11]:
            # version 0 of an OPT record with nothing behind it
            if left < 11 or record[0] or record[1] or record[2] != 41 or record[6]:
                return FALL_THROUGH
            if record[9] == 0 and record[10] == 0:
                if left != 11:
                    return FALL_THROUGH
            elif record[9] == 0 and left == 11 + record[10] and (left == 23 or left == 39):
                # RFC 7873, section 4: one option, 10, of 8 octets or of 24
                if record[11] or record[12] != 10 or record[13] or record[14] != left - 15:
                    return FALL_THROUGH
                cookie = record + 15
                cookie_octets = left - 15
            else:
                return FALL_THROUGH
            form += 2
            room = record[3] << 8 | record[4]
        else:
            room = MOST_PLAIN
        kept = self._find_kept(slot.mark, lower, question, guest)
        # what fits a client of the least room fits all
        if kept != NULL and 12 + question + kept.octets + 39 <= MOST_PLAIN:
            if cookie != NULL:
                verified = self._cookie(guest, cookie, cookie_octets, &most)
                if verified is None:
                    return FALL_THROUGH
            return self._splice_kept(packet, question, kept, form, verified, reply)
        body = self._missed(lower, name, guest, False)
        if body is None:
            key = PyBytes_FromStringAndSize(<const char *>lower, question)
            found = PyDict_GetItemWithError(guest.answers, key)
            if found != NULL:
                plate = _plate(<object>found)
                self._keep(slot.mark, lower, question, plate, guest)
            else:
                body = self._missed(lower, name, guest, True)
                if body is None:
                    return FALL_THROUGH
                plate = _plate(body)
        else:
            plate = _plate(body)
        if cookie != NULL:
            if PyBytes_GET_SIZE(plate.option):
                return FALL_THROUGH
            verified = self._cookie(guest, cookie, cookie_octets, &most)
            if verified is None:
                return FALL_THROUGH
        # RFC 6891, section 6.2.3: less than 512 means 512
        room = max(min(room, most), MOST_PLAIN)
        return self._splice(packet, question, plate, guest, form, room, verified, reply)

    cdef Kept *_find_kept(
        self, unsigned long long mark, const unsigned char *lower, Py_ssize_t question, Guest guest
    ) noexcept:
        """The answer kept for a question; NULL: none, or it has changed."""
        cdef Kept *kept = self._kept + 2 * (mark % KEPT_PAIRS)
        cdef int each
        for each in range(2):
            if kept.mark == mark and kept.change == self._change \
                    and kept.answers == <void *>guest.answers and kept.question == question \
                    and memcmp(kept.data, lower, question) == 0:
                return kept
            kept += 1
        return NULL

    cdef int _keep(
        self, unsigned long long mark, const unsigned char *lower, Py_ssize_t question,
        Plate plate, Guest guest
    ) except -1:
        """Keep a compiled answer, if it is one of the usual: short, whole, without options."""
        cdef Kept *kept = self._kept + 2 * (mark % KEPT_PAIRS)
        cdef Py_ssize_t turns = PyTuple_GET_SIZE(plate.starts)
        cdef bytes records = plate.ring if turns else plate.full
        cdef Py_ssize_t index
        if plate.partial or PyBytes_GET_SIZE(plate.option) or turns > KEPT_TURNS \
                or question + PyBytes_GET_SIZE(records) > KEPT_OCTETS or not plate.is_plain:
            return 0
        if kept.change == self._change and kept.mark != mark:
            kept += 1
        kept.mark = mark
        kept.answers = <void *>guest.answers
        kept.question, kept.octets, kept.turns = question, PyBytes_GET_SIZE(plate.full), turns
        kept.rcode, kept.mode = plate.rcode, plate.mode
        memcpy(kept.head, PyBytes_AS_STRING(<bytes>plate.full_heads[0]), 10)
        for index in range(turns):
            kept.starts[index] = plate.starts[index]
        memcpy(kept.data, lower, question)
        memcpy(kept.data + question, PyBytes_AS_STRING(records), PyBytes_GET_SIZE(records))
        kept.change = self._change
        return 0

    cdef Py_ssize_t _splice_kept(
        self, const unsigned char *packet, Py_ssize_t question, const Kept *kept, int form,
        bytes cookie, unsigned char *reply
    ) noexcept:
        """As `_splice`, for an answer that is kept and surely fits."""
        cdef const unsigned char *records = kept.data + question
        cdef Py_ssize_t at = 12 + question
        if kept.turns:
            # within the ring, as the plate has checked
            records += kept.starts[packet[1] % kept.turns]
        memcpy(reply, packet, 2)
        memcpy(reply + 2, kept.head, 10)
        reply[2] |= form & 1
        reply[11] += form >> 1
        memcpy(reply + 12, packet + 12, question)
        memcpy(reply + at, records, kept.octets)
        if form >= 2:
            memcpy(reply + at + kept.octets, OPT_PLAIN, 11)
            reply[at + kept.octets + 7] = packet[at + 7] & 0x80
            if cookie is not None:
                reply[at + kept.octets + 10] = 28
                memcpy(reply + at + kept.octets + 11, b"\0\x0a\0\x18", 4)
                memcpy(reply + at + kept.octets + 15, PyBytes_AS_STRING(cookie), 24)
                at += 28
            at += 11
        self._rcodes[kept.rcode] += 1
        self._modes[kept.mode] += 1
        return at + kept.octets

    cdef bytes _cookie(
        self, Guest guest, const unsigned char *cookie, Py_ssize_t octets, int *most
    ):
        """The cookie to reply with, of 24 octets; None when it is to be judged first."""
        if guest.shown_in != self._batches or guest.shown_octets != octets \
                or memcmp(guest.shown, cookie, octets):
            if self._remembered is None:
                self._remembered = self._responder.cookies.remembered()
            found = (<dict>self._remembered).get(
                (guest.address, PyBytes_FromStringAndSize(<char *>cookie, octets))
            )
            if found is None or len(found.reply) != 24:
                return None
            guest.cookie, guest.is_proven = found.reply, found.proof is VALID
            memcpy(guest.shown, cookie, octets)
            guest.shown_octets, guest.shown_in = octets, self._batches
        if guest.is_proven:
            most[0] = MOST
        return guest.cookie

    cdef object _missed(
        self, const unsigned char *key, Py_ssize_t name, Guest guest, bint is_known_missing
    ):
        """The body for a question that is not compiled; None: not sound, or out of the zone.

        `key` is the name, of so many octets, in lower case, then its type and class. Before
        it is known to be missing only what `families` denies is answered, as floods of random
        names are: of those most are absent.
        """
        cdef Py_ssize_t starts[LABELS]
        cdef Py_ssize_t at = 0
        cdef Py_ssize_t zone = name - PyBytes_GET_SIZE(self._zone)
        cdef int labels = 0, below = -1
        cdef int kind = key[name] << 8 | key[name + 1]
        # class IN; neither IXFR nor AXFR
        if key[name + 2] or key[name + 3] != 1 or kind == 251 or kind == 252 or zone < 0:
            return None
        if not is_known_missing:
            return self._denial(zone) if self._is_stranger(key, name) else None
        while at < name - 1:
            if key[at] > 63 or labels == LABELS:
                return None
            if at == zone:
                below = labels
            starts[labels] = at
            labels += 1
            at += key[at] + 1
        if at != name - 1:
            return None
        if below < 0 or memcmp(key + zone, PyBytes_AS_STRING(self._zone), name - zone):
            return None
        if below and self._is_absent(key, starts, below):
            return self._denial(zone)
        return self._find(PyBytes_FromStringAndSize(<const char *>key, name), kind, guest.view)

    cdef bint _is_stranger(self, const unsigned char *key, Py_ssize_t name) except -1:
        """Whether a name is surely not there, being right below one whose family is known."""
        # as `denied` in families: what stands behind the label is then a name of ours
        cdef Py_ssize_t end = key[0] + 1
        cdef PyObject *family
        if key[0] > 63 or end >= name:
            return False
        family = PyDict_GetItemWithError(
            self._families, PyBytes_FromStringAndSize(<const char *>key + end, name - end)
        )
        if family == NULL:
            return False
        return PyBytes_FromStringAndSize(<const char *>key + 1, key[0]) not in <frozenset>family

    cdef bint _is_absent(
        self, const unsigned char *key, const Py_ssize_t *starts, int labels
    ) except -1:
        """Whether a name of so many labels below the zone is surely not there."""
        # labels from the zone down       | the name is absent
        # svc, NAMESPACE, SERVICE, ...    | if the table has no such service
        # neither svc, region nor ns1     | yes
        # anything else                   | for the table to say
        cdef const unsigned char *top = key + starts[labels - 1]
        if top[0] == 3 and memcmp(top + 1, b"svc", 3) == 0:
            if labels < 3:
                return False
            service = (_label(key + starts[labels - 2]), _label(key + starts[labels - 3]))
            return self._table.service(service) is None
        if top[0] == 3 and memcmp(top + 1, b"ns1", 3) == 0:
            return False
        return not (top[0] == 6 and memcmp(top + 1, b"region", 6) == 0)

    cdef object _denial(self, Py_ssize_t zone):
        """The body for an absent name whose zone part is there; asked for once a batch."""
        if self._denials is None:
            self._denials = [None] * NAME_OCTETS
        body = self._denials[zone]
        if body is None:
            body = self._denials[zone] = self._table.denial(zone)
        return body

    cdef Py_ssize_t _splice(
        self, const unsigned char *packet, Py_ssize_t question, Plate plate, Guest guest,
        int form, Py_ssize_t room, bytes cookie, unsigned char *reply
    ) except -2:
        """Write the reply: 12 octets, the question, records, and OPT where `form` has it."""
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
        self._rcodes[plate.rcode] += 1
        self._modes[plate.mode] += 1
        return at

    cdef int _count(self) except -1:
        """Add what a batch came to; once for all its datagrams."""
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


cdef unsigned long long _lowered(
    unsigned char *lower, const unsigned char *question, Py_ssize_t name, unsigned long long mark
) noexcept:
    """Copy a question with its name, of so many octets, in lower case; returns its mark.

    `lower` has room for 8 octets more than that, which are zeroed.
    """
    cdef unsigned long long word, above, capitals
    cdef Py_ssize_t at, size = name + 4
    memset(lower + name, 0, 12)
    memcpy(lower, question, name)
    # eight octets at a time: bit 7 of each octet in `capitals` is whether it is A to Z
    for at in range(0, name, 8):
        memcpy(&word, lower + at, 8)
        above = word & 0x7F7F7F7F7F7F7F7FULL
        capitals = (above + 0x3F3F3F3F3F3F3F3FULL) & ~(above + 0x2525252525252525ULL)
        word |= (capitals & ~word & 0x8080808080808080ULL) >> 2
        memcpy(lower + at, &word, 8)
    memcpy(lower + name, question + name, 4)
    for at in range(0, size, 8):
        memcpy(&word, lower + at, 8)
        mark = (mark ^ word) * 0x9E3779B97F4A7C15ULL
        mark ^= mark >> 32
    return mark


cdef Plate _plate(body):
    plate = body.plate
    if plate is None:
        plate = body.plate = Plate(body)
    return plate


cdef str _label(const unsigned char *label):
    # as `labels_of` in body: every octet stays apart
    return PyUnicode_DecodeLatin1(<const char *>label + 1, label[0], NULL)


cdef size_t _source(msghdr *received, unsigned char *control) noexcept:
    """Write what makes a reply leave from the address asked; its length, 0: nothing is known."""
    cdef cmsghdr *header = CMSG_FIRSTHDR(received)
    cdef cmsghdr *ours = <cmsghdr *>control
    cdef in_pktinfo told
    while header != NULL:
        if header.cmsg_level == IPPROTO_IPV6 and header.cmsg_type == IPV6_PKTINFO \
                and header.cmsg_len == CMSG_LEN(sizeof(in6_pktinfo)):
            memcpy(ours, header, header.cmsg_len)
            return CMSG_SPACE(sizeof(in6_pktinfo))
        if header.cmsg_level == IPPROTO_IP and header.cmsg_type == IP_PKTINFO \
                and header.cmsg_len == CMSG_LEN(sizeof(in_pktinfo)):
            memcpy(&told, CMSG_DATA(header), sizeof(in_pktinfo))
            told.ipi_ifindex = 0
            told.ipi_addr.s_addr = 0
            memcpy(ours, header, CMSG_LEN(0))
            memcpy(CMSG_DATA(ours), &told, sizeof(in_pktinfo))
            return CMSG_SPACE(sizeof(in_pktinfo))
        header = CMSG_NXTHDR(received, header)
    return 0
