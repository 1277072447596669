# cython: language_level=3
"""One datagram of a batch and its reply, and how a usual query is told from others."""

from dns_frontend.server._system cimport (
    iovec, ntohs, sockaddr_in, sockaddr_storage,
)
from libc.string cimport memchr, memcpy, memset

cdef enum:
    DATAGRAM_OCTETS = 4096
    # no reply over UDP is longer than UDP_OCTETS and the longest name
    REPLY_OCTETS = 2016
    CONTROL_OCTETS = 256
    NAME_OCTETS = 255
    OPT_OCTETS = 11


cdef struct Slot:
    sockaddr_storage peer
    # how long the name is that is asked for; 0: nothing usual is asked
    Py_ssize_t name
    # RD (1) plus OPT follows (2), and what the latter says that the client can take
    int form, room
    # from here in the datagram; 0 octets: there is none
    Py_ssize_t cookie, cookie_octets
    unsigned long long mark
    # of an answer to it; -1: none is kept
    int place
    # the question in lower case, and room for whole words
    unsigned char lower[NAME_OCTETS + 4 + 8]
    iovec into
    iovec out_of
    unsigned char control[CONTROL_OCTETS]
    unsigned char source[CONTROL_OCTETS]
    unsigned char packet[DATAGRAM_OCTETS]
    unsigned char reply[REPLY_OCTETS]


cdef inline bint is_port_refused(const Slot *slot) noexcept:
    """Whether a datagram came from a port that no client uses (as in `settings`)."""
    # it lies at the same place in both families
    cdef unsigned short port = ntohs((<const sockaddr_in *>&slot.peer).sin_port)
    return port == 0 or port == 7 or port == 13 or port == 19 or port == 37


cdef inline void read_query(
    Slot *slot, Py_ssize_t size, int room, unsigned long long seed
) noexcept:
    """Find what a datagram of so many octets asks, if it is a usual query.

    `room` is what a client without EDNS can take.
    """
    cdef const unsigned char *packet = slot.packet
    cdef const unsigned char *end
    cdef const unsigned char *record
    cdef Py_ssize_t left, name
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
    name = end - packet - 12 + 1
    record = packet + 12 + name + 4
    left = size - 12 - name - 4
    slot.form = packet[2] & 1
    slot.room = room
    slot.cookie_octets = 0
    if packet[11]:
        # version 0 of an OPT record with nothing behind it
        if left < OPT_OCTETS or record[0] or record[1] or record[2] != 41 or record[6]:
            return
        if record[9] == 0 and record[10] == 0:
            if left != OPT_OCTETS:
                return
        elif record[9] == 0 and left == OPT_OCTETS + record[10] and (left == 23 or left == 39):
            # RFC 7873, section 4: one option, 10, of 8 octets or of 24
            if record[11] or record[12] != 10 or record[13] or record[14] != left - 15:
                return
            slot.cookie = 12 + name + 4 + 15
            slot.cookie_octets = left - 15
        else:
            return
        slot.form += 2
        slot.room = record[3] << 8 | record[4]
    slot.mark = _lowered(slot.lower, packet + 12, name, seed)
    slot.name = name


cdef inline unsigned long long _lowered(
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
