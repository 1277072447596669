# What is answered to questions for which nothing is compiled. Part of `_batch`.


cdef class Denials:
    """Bodies for names that are not there, and, from the table, for those that may be."""

    cdef object _table, _find
    cdef dict _families
    cdef bytes _zone
    cdef list _bodies

    def __init__(self, table):
        self._table, self._find = table, table.find
        self._families = table.families.of
        self._zone = table.zone_wire

    cdef void begin(self) noexcept:
        """Batches begin, while which nothing changes."""
        self._bodies = None

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
        """The body for an absent name whose zone part is there; asked for once for all of them."""
        if self._bodies is None:
            self._bodies = [None] * NAME_OCTETS
        body = self._bodies[zone]
        if body is None:
            body = self._bodies[zone] = self._table.denial(zone)
        return body


cdef str _label(const unsigned char *label):
    # as `labels_of` in body: every octet stays apart
    return PyUnicode_DecodeLatin1(<const char *>label + 1, label[0], NULL)
