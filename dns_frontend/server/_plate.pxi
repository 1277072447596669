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
