# What the responder knows in Python, as it is read in the loop in batches. Part of `_batch`.

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
    # the cookie that it showed last, and what came of it in one `run`
    cdef unsigned char shown[COOKIE_OCTETS]
    cdef Py_ssize_t shown_octets
    cdef unsigned long long shown_in
    cdef bytes cookie
    cdef bint is_proven

    cdef bint has_shown(self, const Slot *slot, unsigned long long batch) noexcept:
        """Whether the cookie of this datagram is the one it showed last, since `run` was called."""
        return self.shown_in == batch and self.shown_octets == slot.cookie_octets \
            and memcmp(self.shown, slot.packet + slot.cookie, slot.cookie_octets) == 0

    def __init__(self, client):
        self.answers = client.answers
        self.address, self.view = client.address, client.view
        self.limited = client.buckets is not None
        self.lot = client.lot
        self.octets = min(max(client.octets, MOST_PLAIN), MOST)


cdef Plate plate_of(body):
    plate = body.plate
    if plate is None:
        plate = body.plate = Plate(body)
    return plate


cdef bint keep(
    Kept *kept, Plate plate, Py_ssize_t question, unsigned long long change
) except -1:
    """Lay an answer down, if it is one of the usual: short, whole, without options.

    Room is left for a question of so many octets. Of what was there before nothing is good.
    """
    cdef Py_ssize_t turns = PyTuple_GET_SIZE(plate.starts)
    cdef Py_ssize_t octets = PyBytes_GET_SIZE(plate.full)
    cdef Py_ssize_t index
    if plate.partial or PyBytes_GET_SIZE(plate.option) or turns > KEPT_TURNS \
            or question + octets > KEPT_OCTETS or not plate.is_plain:
        return False
    if turns and (plate.ring != plate.full * 2 or max(plate.starts) > octets):
        return False
    # good for nothing until it is whole
    kept.change = 0
    kept.question, kept.octets, kept.turns = question, octets, turns
    kept.rcode, kept.mode = plate.rcode, plate.mode
    memcpy(kept.head, PyBytes_AS_STRING(<bytes>plate.full_heads[0]), 10)
    for index in range(turns):
        kept.starts[index] = plate.starts[index]
    memcpy(kept.data + question, PyBytes_AS_STRING(plate.full), octets)
    kept.change = change
    return True
