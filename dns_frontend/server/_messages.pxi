# The memory of datagrams and replies, and the calls that fill and empty it. Part of `_batch`.


cdef class Messages:
    """The slots of one socket."""

    cdef object _counters
    cdef int _fd
    # slots of which the kernel has changed the headers
    cdef int _used
    cdef bint _wildcard
    cdef Slot *slots
    cdef mmsghdr *received
    cdef mmsghdr *_replies

    def __cinit__(self, *_):
        self.slots = <Slot *>calloc(BATCH, sizeof(Slot))
        self.received = <mmsghdr *>calloc(BATCH, sizeof(mmsghdr))
        self._replies = <mmsghdr *>calloc(BATCH, sizeof(mmsghdr))
        if self.slots == NULL or self.received == NULL or self._replies == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.slots)
        free(self.received)
        free(self._replies)

    def __init__(self, counters, int fd, bint wildcard):
        """`wildcard`: the kernel tells of each datagram what address it was sent to."""
        cdef Slot *slot
        self._counters = counters
        self._fd = fd
        self._used = BATCH
        self._wildcard = wildcard
        for index in range(BATCH):
            slot = &self.slots[index]
            slot.into.iov_base = slot.packet
            slot.into.iov_len = DATAGRAM_OCTETS
            slot.out_of.iov_base = slot.reply
            self.received[index].msg_hdr.msg_name = &slot.peer
            self.received[index].msg_hdr.msg_iov = &slot.into
            self.received[index].msg_hdr.msg_iovlen = 1
            self._replies[index].msg_hdr.msg_iovlen = 1

    def __repr__(self):
        return f"Messages(fd={self._fd})"

    cdef int receive(self) except -1:
        """How many datagrams came, which lie in the first slots."""
        cdef int got, index
        for index in range(self._used):
            # the kernel wrote what it used over what there was
            self.received[index].msg_hdr.msg_namelen = sizeof(sockaddr_storage)
            if self._wildcard:
                self.received[index].msg_hdr.msg_control = self.slots[index].control
                self.received[index].msg_hdr.msg_controllen = CONTROL_OCTETS
        for _ in range(BATCH):
            got = recvmmsg(self._fd, self.received, BATCH, MSG_DONTWAIT, NULL)
            if got >= 0:
                self._used = got
                return got
            if errno == EAGAIN or errno == EINTR:
                self._used = 0
                return 0
            # an ICMP error for something sent before shows up here (ECONNREFUSED)
            self._counters.receive_errors += 1
        return 0

    cdef void queue(self, int index, Py_ssize_t length, int place) noexcept:
        """Put the reply to a datagram at a place among those to be sent."""
        cdef Slot *slot = &self.slots[index]
        cdef msghdr *reply = &self._replies[place].msg_hdr
        slot.out_of.iov_len = length
        reply.msg_iov = &slot.out_of
        reply.msg_name = &slot.peer
        reply.msg_namelen = self.received[index].msg_hdr.msg_namelen
        if self._wildcard:
            reply.msg_control = NULL
            reply.msg_controllen = source_of(&self.received[index].msg_hdr, slot.source)
            if reply.msg_controllen:
                reply.msg_control = slot.source

    cdef int send(self, int waiting) except -1:
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
