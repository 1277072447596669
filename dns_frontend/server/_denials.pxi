# What is answered to questions for which nothing is compiled. Part of `_batch`.


cdef class Denials:
    """Bodies for names that are not there, and, from the table, for those that may be."""

    cdef object _table, _find
    cdef dict _families
    cdef bytes _zone
    cdef list _bodies
    # of how many octets before the zone's name; and what is known without an object
    cdef Kept *_kept
    cdef Family *_strangers
    cdef unsigned long long _seed, _change

    def __cinit__(self, *_):
        # untouched pages of both cost nothing
        self._kept = <Kept *>calloc(NAME_OCTETS, sizeof(Kept))
        self._strangers = <Family *>calloc(FAMILIES, sizeof(Family))
        if self._kept == NULL or self._strangers == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self._kept)
        free(self._strangers)

    def __init__(self, table, unsigned long long seed):
        self._seed = seed
        self._change = 0
        self._table, self._find = table, table.find
        self._families = table.families.of
        self._zone = table.zone_wire

    cdef void begin(self, unsigned long long change) noexcept:
        """Batches begin, while which nothing changes; `change`, never 0, says since when."""
        if change != self._change:
            self._change = change
            self._bodies = None

    cdef const Kept *at_hand(self, const Slot *slot) noexcept:
        """The denial of what a usual query asks for, if its reply surely fits every client.

        NULL: the name may be there, or nothing is kept. No object is made for it.
        """
        cdef Py_ssize_t name = slot.name
        cdef Py_ssize_t zone = name - PyBytes_GET_SIZE(self._zone)
        cdef const Kept *kept
        if zone <= 0 or not _is_for_records(slot.lower + name):
            return NULL
        kept = self._kept + zone
        if kept.change != self._change or not is_kept_short(kept, name + 4, MOST_PLAIN):
            return NULL
        if not is_stranger(self._strangers, slot.lower, name, self._seed, self._change):
            return NULL
        return kept

    cdef object body(
        self, const unsigned char *key, Py_ssize_t name, str view, bint is_known_missing
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
        if zone < 0 or not _is_for_records(key + name):
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
        return self._find(PyBytes_FromStringAndSize(<const char *>key, name), kind, view)

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
        self._remember(key + end, name - end, <object>family)
        return PyBytes_FromStringAndSize(<const char *>key + 1, key[0]) not in <frozenset>family

    cdef int _remember(
        self, const unsigned char *name, Py_ssize_t octets, frozenset labels
    ) except -1:
        """Keep what lives below a name, where it is neither long nor much."""
        cdef Family *family
        cdef unsigned long long mark
        cdef bytes label
        cdef int count = 0
        if octets > FAMILY_OCTETS or len(labels) > CHILDREN:
            return 0
        mark = mark_of(name, octets, self._seed)
        family = self._strangers + mark % FAMILIES
        # good for nothing until it is whole
        family.change = 0
        for label in labels:
            family.children[count] = child_mark(
                <const unsigned char *>PyBytes_AS_STRING(label), PyBytes_GET_SIZE(label), self._seed
            )
            count += 1
        family.mark, family.octets, family.count = mark, octets, count
        memcpy(family.name, name, octets)
        family.change = self._change
        return 0

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
        """The body for an absent name whose zone part is there; asked for once for all of them."""
        if self._bodies is None:
            self._bodies = [None] * NAME_OCTETS
        body = self._bodies[zone]
        if body is None:
            body = self._bodies[zone] = self._table.denial(zone)
            keep(self._kept + zone, plate_of(body), 0, self._change)
        return body


cdef inline bint _is_for_records(const unsigned char *asked) noexcept:
    """Whether type and class are those of a question for records: IN, neither IXFR nor AXFR."""
    cdef int kind = asked[0] << 8 | asked[1]
    return asked[2] == 0 and asked[3] == 1 and kind != 251 and kind != 252


cdef str _label(const unsigned char *label):
    # as `labels_of` in body: every octet stays apart
    return PyUnicode_DecodeLatin1(<const char *>label + 1, label[0], NULL)
