# cython: language_level=3
"""Answers to usual questions, each laid out in a row, since memory is slow.

Every one is as it was at a change of the table, and good until the next. The table of them is
of fixed size. Which of a set's places holds what is told by tags, all of a set in one line of
the cache; only where more meet than there are places, one displaces another.
"""

from dns_frontend.server._slot cimport OPT_OCTETS, Slot
from dns_frontend.server._system cimport __builtin_prefetch
from libc.string cimport memcmp, memcpy

cdef enum:
    KEPT_SETS = 1024
    KEPT_WAYS = 16
    KEPT_PLACES = KEPT_SETS * KEPT_WAYS
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


cdef inline unsigned int _tag_of(unsigned long long mark) noexcept:
    # 0 is that of an empty place
    return <unsigned int>(mark >> 32) | 1


cdef inline void fetch_tags(const unsigned int *tags, unsigned long long mark) noexcept:
    __builtin_prefetch(tags + KEPT_WAYS * (mark % KEPT_SETS))


cdef inline int place_of(const unsigned int *tags, unsigned long long mark) noexcept:
    """Where what has this mark is kept, if it is; -1: it is not."""
    cdef unsigned int within = mark % KEPT_SETS
    cdef unsigned int tag = _tag_of(mark)
    cdef int way, found = -1
    tags += KEPT_WAYS * within
    # all of them, without a branch
    for way in range(KEPT_WAYS):
        found = way if tags[way] == tag else found
    return found * KEPT_SETS + within if found >= 0 else -1


cdef inline int place_for(const unsigned int *tags, unsigned long long mark) noexcept:
    """Where what has this mark is to be kept: where it was, where nothing is, or anywhere."""
    cdef unsigned int within = mark % KEPT_SETS
    cdef int place = place_of(tags, mark)
    cdef int way
    if place >= 0:
        return place
    tags += KEPT_WAYS * within
    for way in range(KEPT_WAYS):
        if tags[way] == 0:
            return way * KEPT_SETS + within
    return <int>(mark >> 16 & KEPT_WAYS - 1) * KEPT_SETS + within


cdef inline void set_tag(unsigned int *tags, int place, unsigned long long mark) noexcept:
    tags[KEPT_WAYS * (place % KEPT_SETS) + place // KEPT_SETS] = _tag_of(mark)


cdef inline void fetch_kept(const Kept *kept) noexcept:
    """Have what may be asked for next fetched: memory works for many at the same time."""
    __builtin_prefetch(kept)
    __builtin_prefetch(<const char *>kept + LINE_OCTETS)
    __builtin_prefetch(<const char *>kept + 2 * LINE_OCTETS)


cdef inline bint is_kept_short(const Kept *kept, Py_ssize_t question, Py_ssize_t room) noexcept:
    """Whether a reply to a question of so many octets surely is within the room."""
    return 12 + question + kept.octets + OPT_COOKIE_OCTETS <= room


cdef inline bint is_kept(
    const Kept *kept, const Slot *slot, const void *answers, unsigned long long change
) noexcept:
    """Whether this is the answer to a question, and has not changed."""
    cdef Py_ssize_t question = slot.name + 4
    return kept.mark == slot.mark and kept.change == change and kept.answers == answers \
        and kept.question == question and memcmp(kept.data, slot.lower, question) == 0


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
