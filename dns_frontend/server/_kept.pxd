# cython: language_level=3
"""Answers to usual questions, each laid out in a row, since memory is slow.

Every one is as it was at a change of the table, and good until the next. The table of them is
of fixed size; two that meet in a pair do not displace each other, a third displaces one.
"""

from dns_frontend.server._slot cimport OPT_OCTETS, Slot
from dns_frontend.server._system cimport __builtin_prefetch
from libc.string cimport memcmp, memcpy

cdef enum:
    KEPT_PAIRS = 8192
    # with what stands before them four lines of a cache, of which most answers fill three
    KEPT_OCTETS = 199
    LINE_OCTETS = 64
    KEPT_TURNS = 16
    COOKIE_OCTETS = 24
    # the most that a reply has behind its records
    OPT_COOKIE_OCTETS = OPT_OCTETS + 4 + COOKIE_OCTETS


cdef struct Kept:
    unsigned long long mark
    # of which view; and at which change of the table, never 0
    void *answers
    unsigned long long change
    unsigned short question, octets
    unsigned char turns, rcode, mode
    unsigned char head[10]
    # where in the records each turn round them begins
    unsigned char starts[KEPT_TURNS]
    # the question in lower case, where it is to one alone; then the records
    unsigned char data[KEPT_OCTETS]


cdef inline Kept *pair_of(Kept *kept, unsigned long long mark) noexcept:
    return kept + 2 * (mark % KEPT_PAIRS)


cdef inline void fetch_kept(Kept *kept, unsigned long long mark) noexcept:
    """Have what may be asked for next fetched: memory works for many at the same time."""
    cdef const char *pair = <const char *>pair_of(kept, mark)
    __builtin_prefetch(pair)
    __builtin_prefetch(pair + LINE_OCTETS)
    __builtin_prefetch(pair + 2 * LINE_OCTETS)
    __builtin_prefetch(pair + sizeof(Kept))


cdef inline bint is_kept_short(const Kept *kept, Py_ssize_t question, Py_ssize_t room) noexcept:
    """Whether a reply to a question of so many octets surely is within the room."""
    return 12 + question + kept.octets + OPT_COOKIE_OCTETS <= room


cdef inline const Kept *find_kept(
    Kept *kept, const Slot *slot, const void *answers, unsigned long long change, Py_ssize_t room
) noexcept:
    """The answer kept for a question, if its reply surely has so many octets at most.

    NULL: there is none, or it has changed.
    """
    cdef Py_ssize_t question = slot.name + 4
    cdef int each
    kept = pair_of(kept, slot.mark)
    for each in range(2):
        if kept.mark == slot.mark and kept.change == change and kept.answers == answers \
                and kept.question == question and memcmp(kept.data, slot.lower, question) == 0:
            return kept if is_kept_short(kept, question, room) else NULL
        kept += 1
    return NULL


cdef inline Py_ssize_t write_kept(
    Slot *slot, const Kept *kept, const char *opt, const char *cookie
) noexcept:
    """Write the reply that fits: header, question, records, and OPT where the query has it.

    `opt` is our OPT record without options; `cookie` that of 24 octets to be told, or NULL.
    """
    cdef const unsigned char *packet = slot.packet
    cdef unsigned char *reply = slot.reply
    cdef Py_ssize_t question = slot.name + 4
    cdef const unsigned char *records = kept.data + kept.question
    cdef Py_ssize_t at = 12 + question
    cdef Py_ssize_t start = 0
    if kept.turns:
        # within the records, as was checked when they were kept
        start = kept.starts[packet[1] % kept.turns]
    memcpy(reply, packet, 2)
    memcpy(reply + 2, kept.head, 10)
    reply[2] |= slot.form & 1
    reply[11] += slot.form >> 1
    memcpy(reply + 12, packet + 12, question)
    memcpy(reply + at, records + start, kept.octets - start)
    memcpy(reply + at + kept.octets - start, records, start)
    at += kept.octets
    if slot.form >= 2:
        memcpy(reply + at, opt, OPT_OCTETS)
        # DO is copied (RFC 3225, section 3)
        reply[at + 7] = packet[12 + question + 7] & 0x80
        at += OPT_OCTETS
        if cookie != NULL:
            reply[at - 1] = 4 + COOKIE_OCTETS
            memcpy(reply + at, b"\0\x0a\0\x18", 4)
            memcpy(reply + at + 4, cookie, COOKIE_OCTETS)
            at += 4 + COOKIE_OCTETS
    return at
