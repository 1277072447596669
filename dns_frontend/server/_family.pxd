# cython: language_level=3
"""What lives right below a name, by marks, so that most else there is denied without an object.

Every entry is as it was at a change of the table, and good until the next. Two labels may have
one mark, which is then for the table to tell apart: a mark that no child has is no child's.
"""

from libc.string cimport memcmp, memcpy

cdef enum:
    # each alone in its place: one that is displaced is laid down again as it is asked for
    FAMILIES = 16384
    # with what stands before them three lines of a cache
    FAMILY_OCTETS = 108
    CHILDREN = 32


cdef struct Family:
    unsigned long long mark
    # of the table, never 0
    unsigned long long change
    unsigned short octets, count
    unsigned short children[CHILDREN]
    # in lower case, in wire form
    unsigned char name[FAMILY_OCTETS]


cdef inline unsigned long long mark_of(
    const unsigned char *octets, Py_ssize_t count, unsigned long long mark
) noexcept:
    """The mark of so many octets."""
    cdef unsigned long long word
    while count > 0:
        word = 0
        memcpy(&word, octets, min(count, 8))
        mark = (mark ^ word) * 0x9E3779B97F4A7C15ULL
        mark ^= mark >> 32
        octets += 8
        count -= 8
    return mark


cdef inline unsigned short child_mark(
    const unsigned char *label, Py_ssize_t octets, unsigned long long seed
) noexcept:
    return mark_of(label, octets, seed + octets) & 0xFFFF


cdef inline bint is_stranger(
    const Family *families, const unsigned char *lower, Py_ssize_t name,
    unsigned long long seed, unsigned long long change
) noexcept:
    """Whether a name of so many octets surely is not there, being right below a known one."""
    cdef Py_ssize_t end = lower[0] + 1
    cdef Py_ssize_t octets = name - end
    cdef unsigned long long mark
    cdef unsigned short child
    cdef const Family *family
    cdef int each
    if end > 64 or octets <= 0 or octets > FAMILY_OCTETS:
        return False
    mark = mark_of(lower + end, octets, seed)
    family = families + mark % FAMILIES
    if family.mark != mark or family.change != change or family.octets != octets:
        return False
    if memcmp(family.name, lower + end, octets):
        return False
    child = child_mark(lower + 1, end - 1, seed)
    for each in range(family.count):
        if family.children[each] == child:
            return False
    return True
