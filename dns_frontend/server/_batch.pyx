# cython: language_level=3, boundscheck=True, wraparound=False, initializedcheck=True
"""The UDP loop in batches: one system call receives many datagrams, one sends many replies.

It answers the same queries as the quick way of the responder, from the same compiled
bodies, octet for octet the same; whatever it does not know at once it gives to the
responder. It is built where a compiler is there, and never needed. Every index into a
message is compared with its length before it is used; counts are written back to the
counters once a batch.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItem
from libc.errno cimport EAGAIN, EINTR, errno
from libc.string cimport memchr, memcmp, memcpy, memset

from dns_frontend.server.reply import OPT, OPT_COOKIE

cdef extern from *:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <sys/socket.h>
    #include <netinet/in.h>
    #include <arpa/inet.h>

    /* A reply leaves from the address that was asked; the kernel chooses the interface. */
    static void sheetanchor_keep_source(struct msghdr *header) {
        struct cmsghdr *each;
        for (each = CMSG_FIRSTHDR(header); each != NULL; each = CMSG_NXTHDR(header, each)) {
            if (each->cmsg_level == IPPROTO_IP && each->cmsg_type == IP_PKTINFO) {
                struct in_pktinfo *info = (struct in_pktinfo *) CMSG_DATA(each);
                info->ipi_ifindex = 0;
                info->ipi_addr.s_addr = 0;
            }
        }
    }
    """
    ctypedef unsigned int socklen_t
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
    cdef struct sockaddr_storage:
        unsigned short ss_family
    cdef struct in_addr:
        unsigned int s_addr
    cdef struct sockaddr_in:
        unsigned short sin_port
        in_addr sin_addr
    cdef struct in6_addr:
        unsigned char s6_addr[16]
    cdef struct sockaddr_in6:
        unsigned short sin6_port
        in6_addr sin6_addr
        unsigned int sin6_scope_id
    int recvmmsg(int, mmsghdr *, unsigned int, int, void *) nogil
    int sendmmsg(int, mmsghdr *, unsigned int, int) nogil
    const char *inet_ntop(int, const void *, char *, socklen_t)
    unsigned short ntohs(unsigned short)
    void sheetanchor_keep_source(msghdr *)
    int AF_INET
    int AF_INET6
    int MSG_DONTWAIT

DEF BATCH = 64
DEF IN_OCTETS = 4096
DEF OUT_OCTETS = 2048
DEF CONTROL_OCTETS = 128
DEF NAME_OCTETS = 255
DEF UDP_OCTETS = 1232
DEF PLAIN_OCTETS = 512
DEF CLIENTS_KEPT = 65536

cdef unsigned char _lower[256]
cdef int _index
for _index in range(256):
    _lower[_index] = _index + 32 if 65 <= _index <= 90 else _index


cdef class Batch:
    """One socket's loop; `run` is to be called when it can be read."""

    cdef int _fd
    cdef bint _wildcard
    cdef object _responder, _counters, _meet, _known_cookie, _respond
    cdef dict _clients
    cdef tuple _opt, _opt_cookie
    cdef mmsghdr _in[BATCH]
    cdef mmsghdr _out[BATCH]
    cdef iovec _in_parts[BATCH]
    cdef iovec _out_parts[BATCH]
    cdef sockaddr_storage _names[BATCH]
    cdef unsigned char _in_octets[BATCH][IN_OCTETS]
    cdef unsigned char _out_octets[BATCH][OUT_OCTETS]
    cdef unsigned char _control[BATCH][CONTROL_OCTETS]
    cdef long _rcodes[32]
    cdef long _modes[16]
    cdef long _answered

    def __init__(self, responder, int fd, bint wildcard):
        self._fd = fd
        self._wildcard = wildcard
        self._responder = responder
        self._counters = responder.counters
        self._respond = responder.respond
        self._meet = responder.clients.of
        self._known_cookie = responder.cookies.known
        self._opt, self._opt_cookie = OPT, OPT_COOKIE
        self._clients = {}
        memset(self._rcodes, 0, sizeof(self._rcodes))
        memset(self._modes, 0, sizeof(self._modes))
        self._answered = 0

    def __repr__(self):
        return f"Batch(fd={self._fd}, {len(self._clients)} clients)"

    def run(self):
        """Answer what has arrived, at most a batch; returns how many datagrams there were."""
        cdef int count, index, replies = 0
        cdef Py_ssize_t size
        cdef bytes packet, reply
        for index in range(BATCH):
            self._in_parts[index].iov_base = self._in_octets[index]
            self._in_parts[index].iov_len = IN_OCTETS
            memset(&self._in[index], 0, sizeof(mmsghdr))
            self._in[index].msg_hdr.msg_name = &self._names[index]
            self._in[index].msg_hdr.msg_namelen = sizeof(sockaddr_storage)
            self._in[index].msg_hdr.msg_iov = &self._in_parts[index]
            self._in[index].msg_hdr.msg_iovlen = 1
            if self._wildcard:
                self._in[index].msg_hdr.msg_control = self._control[index]
                self._in[index].msg_hdr.msg_controllen = CONTROL_OCTETS
        with nogil:
            count = recvmmsg(self._fd, self._in, BATCH, MSG_DONTWAIT, NULL)
        if count < 0:
            if errno != EAGAIN and errno != EINTR:
                # an ICMP error for something sent before shows up here (ECONNREFUSED)
                self._counters.receive_errors += 1
                return 1
            return 0
        for index in range(count):
            if self._is_refused(index):
                self._counters.dropped_port += 1
                continue
            known = self._client(index)
            if known is None:
                continue
            size = self._quick(index, known, replies)
            if not size:
                packet = PyBytes_FromStringAndSize(
                    <char *> self._in_octets[index], self._in[index].msg_len
                )
                reply = self._respond(packet, known.address)
                if reply is None or PyBytes_GET_SIZE(reply) > OUT_OCTETS:
                    continue
                size = PyBytes_GET_SIZE(reply)
                memcpy(self._out_octets[replies], PyBytes_AS_STRING(reply), size)
            self._out_parts[replies].iov_base = self._out_octets[replies]
            self._out_parts[replies].iov_len = size
            memset(&self._out[replies], 0, sizeof(mmsghdr))
            self._out[replies].msg_hdr.msg_name = &self._names[index]
            self._out[replies].msg_hdr.msg_namelen = self._in[index].msg_hdr.msg_namelen
            self._out[replies].msg_hdr.msg_iov = &self._out_parts[replies]
            self._out[replies].msg_hdr.msg_iovlen = 1
            if self._wildcard and self._in[index].msg_hdr.msg_controllen:
                self._out[replies].msg_hdr.msg_control = self._control[index]
                self._out[replies].msg_hdr.msg_controllen = (
                    self._in[index].msg_hdr.msg_controllen
                )
                sheetanchor_keep_source(&self._out[replies].msg_hdr)
            replies += 1
        self._send(replies)
        self._write_back()
        return count

    cdef void _send(self, int replies):
        cdef int sent, done = 0
        while done < replies:
            with nogil:
                sent = sendmmsg(self._fd, &self._out[done], replies - done, MSG_DONTWAIT)
            if sent <= 0:
                if errno == EINTR:
                    continue
                # full, unreachable, forbidden: the client asks again, the others go on
                self._counters.send_errors += 1
                sent = 1
            done += sent

    cdef void _write_back(self):
        cdef int index
        counters = self._counters
        if not self._answered:
            return
        counters.queries_udp += self._answered
        self._answered = 0
        rcodes, modes = counters.rcodes, counters.modes
        for index in range(24):
            if self._rcodes[index]:
                rcodes[index] += self._rcodes[index]
                self._rcodes[index] = 0
        for index in range(len(modes)):
            if self._modes[index]:
                modes[index] += self._modes[index]
                self._modes[index] = 0

    cdef bint _is_refused(self, int index):
        """Whether the datagram came from a port that no client uses."""
        cdef int port
        if self._names[index].ss_family == AF_INET:
            port = ntohs((<sockaddr_in *> &self._names[index]).sin_port)
        else:
            port = ntohs((<sockaddr_in6 *> &self._names[index]).sin6_port)
        return port == 0 or port == 7 or port == 13 or port == 19 or port == 37

    cdef object _client(self, int index):
        """Who sent the datagram."""
        cdef char text[64]
        cdef bytes key
        cdef void *address
        cdef int family = self._names[index].ss_family
        cdef unsigned int zone = 0
        if family == AF_INET:
            address = &(<sockaddr_in *> &self._names[index]).sin_addr
            key = PyBytes_FromStringAndSize(<char *> address, 4)
        elif family == AF_INET6:
            address = &(<sockaddr_in6 *> &self._names[index]).sin6_addr
            key = PyBytes_FromStringAndSize(<char *> address, 16)
            zone = (<sockaddr_in6 *> &self._names[index]).sin6_scope_id
        else:
            return None
        known = None if zone else self._clients.get(key)
        if known is None:
            if inet_ntop(family, address, text, sizeof(text)) == NULL:
                return None
            known = self._meet(text.decode("ascii"))
            if not zone:
                if len(self._clients) >= CLIENTS_KEPT:
                    self._clients.clear()
                self._clients[key] = known
        return known

    cdef Py_ssize_t _quick(self, int index, object known, int slot) except -1:
        """Write the reply to a usual query; 0 when it is not one, or not compiled."""
        cdef unsigned char *packet = self._in_octets[index]
        cdef unsigned char *out = self._out_octets[slot]
        cdef Py_ssize_t size = self._in[index].msg_len
        cdef unsigned char *found
        cdef unsigned char *record
        cdef unsigned char key[NAME_OCTETS + 5]
        cdef Py_ssize_t name, question, rest, room, most, start, length, at
        cdef int form, dnssec_ok, additionals
        cdef bytes octets, ring, opt
        cdef tuple starts
        cdef void *item
        if size < 17 or size > IN_OCTETS or packet[2] & 0xF8:
            return 0
        if known.buckets is not None:
            return 0
        # one question, at most one additional record, nothing else
        if packet[4] or packet[5] != 1 or packet[6] or packet[7] or packet[8] or packet[9]:
            return 0
        additionals = packet[11]
        if packet[10] or additionals > 1:
            return 0
        found = <unsigned char *> memchr(packet + 12, 0, size - 12)
        if found == NULL:
            return 0
        name = found - (packet + 12) + 1
        question = name + 4
        if name > NAME_OCTETS or 12 + question > size:
            return 0
        for at in range(name):
            key[at] = _lower[packet[12 + at]]
        for at in range(name, question):
            key[at] = packet[12 + at]
        answers = known.answers
        item = <void *> PyDict_GetItem(answers, PyBytes_FromStringAndSize(<char *> key, question))
        if item == NULL:
            return 0
        body = <object> item
        form = packet[2] & 1
        opt = b""
        room = PLAIN_OCTETS
        rest = size - 12 - question
        if additionals:
            record = packet + 12 + question
            if rest < 11 or record[0] or record[1] or record[2] != 41 or record[6]:
                return 0
            if body.option:
                return 0
            dnssec_ok = record[7] >> 7
            most = known.octets
            if rest == 11 and not record[9] and not record[10]:
                opt = self._opt[dnssec_ok]
            elif rest == 39 and not memcmp(record + 9, b"\x00\x1c\x00\x0a\x00\x18", 6):
                octets = PyBytes_FromStringAndSize(<char *> record + 15, 24)
                if not self._known_cookie(known.address, octets):
                    return 0
                most = UDP_OCTETS
                opt = <bytes> self._opt_cookie[dnssec_ok] + octets
            else:
                return 0
            form += 2
            room = record[3] << 8 | record[4]
            if room > most:
                room = most
            elif room < PLAIN_OCTETS:
                room = PLAIN_OCTETS
        octets = body.full
        head = body.full_heads
        length = PyBytes_GET_SIZE(octets)
        room -= 12 + question + PyBytes_GET_SIZE(opt)
        ring = octets
        start = 0
        if length > room:
            octets = body.lean
            head = body.lean_heads
            length = PyBytes_GET_SIZE(octets)
            ring = octets
            if length > room:
                return 0
        else:
            starts = body.starts
            if starts:
                at = (known.lot if body.partial else packet[1]) % len(starts)
                start = starts[at]
                ring = body.ring
                if start < 0 or start + length > PyBytes_GET_SIZE(ring):
                    return 0
        if 12 + question + length + PyBytes_GET_SIZE(opt) > OUT_OCTETS:
            return 0
        octets = head[form]
        if PyBytes_GET_SIZE(octets) != 10:
            return 0
        out[0] = packet[0]
        out[1] = packet[1]
        memcpy(out + 2, PyBytes_AS_STRING(octets), 10)
        memcpy(out + 12, packet + 12, question)
        memcpy(out + 12 + question, PyBytes_AS_STRING(ring) + start, length)
        memcpy(out + 12 + question + length, PyBytes_AS_STRING(opt), PyBytes_GET_SIZE(opt))
        self._rcodes[body.rcode & 31] += 1
        self._modes[body.mode_number & 15] += 1
        self._answered += 1
        return 12 + question + length + PyBytes_GET_SIZE(opt)
