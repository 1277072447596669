# What calls the loop: a datagram or, while many come, a clock. Part of `_batch`.


cdef class Waker:
    """Says when a socket's loop is to run: its descriptor, an epoll, can be read then.

    A loop that is woken by each datagram answers few at a time while many come: it is as fast
    as they are. A clock lets some gather, as network cards do. Who asks waits a tenth of a
    millisecond more, and only then. Nothing here waits.
    """

    cdef int _fd, _epoll, _clock
    # one of the two always calls; both only where the system did not let go of the socket
    cdef bint _by_clock
    cdef readonly bint is_busy
    cdef long long _busy_nanoseconds, _pause_nanoseconds
    # datagrams that came since that time
    cdef long long _found, _since

    def __cinit__(self, *_, **__):
        self._epoll = self._clock = -1

    def __init__(
        self,
        int fd,
        *,
        long long busy_nanoseconds=BUSY_NANOSECONDS,
        long long pause_nanoseconds=PAUSE_NANOSECONDS,
    ):
        """Raises OSError when the system has none to give.

        `busy_nanoseconds`: a batch of datagrams within this time is many. `pause_nanoseconds`:
        from when all were answered to when the clock calls.
        """
        self._fd = fd
        self._busy_nanoseconds, self._pause_nanoseconds = busy_nanoseconds, pause_nanoseconds
        self._since = _now()
        self._epoll = epoll_create1(EPOLL_CLOEXEC)
        if self._epoll >= 0:
            self._clock = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)
        if self._clock < 0 or self._watch(self._clock) or self._watch(fd):
            number = errno
            self.close()
            raise OSError(number, strerror(number).decode("ascii", "replace"))

    def __dealloc__(self):
        self.close()

    def __repr__(self):
        by = "the clock" if self._by_clock else "datagrams"
        return f"Waker(fd={self._fd}, by {by})"

    def fileno(self):
        """What can be read when the loop is to run; -1 once it is closed."""
        return self._epoll

    cpdef void close(self) noexcept:
        """Nothing wakes any more; twice is harmless."""
        if self._clock >= 0:
            close(self._clock)
        if self._epoll >= 0:
            close(self._epoll)
        self._epoll = self._clock = -1

    cpdef void heed(self, int found, bint is_empty) noexcept:
        """The loop ran, found so many datagrams, and left none, or perhaps some."""
        # woken by | many come | it found | and left | is woken then by
        # either   | either    | either   | some     | the same, which still calls
        # either   | yes       | some     | none     | the clock
        # either   | yes       | none     | none     | datagrams
        # either   | no        | either   | none     | datagrams
        self._found += found
        if self._found >= BATCH:
            self._judge()
        if not is_empty or self._epoll < 0:
            return
        if found and self.is_busy and self._set_clock(self._pause_nanoseconds):
            if not self._by_clock:
                # each reply that leaves a socket would tell all that wait for it of the room there
                self._by_clock = epoll_ctl(self._epoll, EPOLL_CTL_DEL, self._fd, NULL) == 0
        elif self._by_clock:
            if self._watch(self._fd) == 0:
                self._by_clock = False
                self._set_clock(0)
            else:
                # no memory to be told of datagrams: the clock goes on
                self._set_clock(self._pause_nanoseconds)

    cdef void _judge(self) noexcept:
        cdef long long now = _now()
        # by integers: found / BATCH batches, each within the time
        self.is_busy = (now - self._since) * BATCH <= self._found * self._busy_nanoseconds
        self._since, self._found = now, 0

    cdef int _watch(self, int fd) noexcept:
        cdef epoll_event event
        memset(&event, 0, sizeof(event))
        event.events = EPOLLIN
        return epoll_ctl(self._epoll, EPOLL_CTL_ADD, fd, &event)

    cdef bint _set_clock(self, long long nanoseconds) noexcept:
        """Have it call once after so long, 0: never; it calls no more for what was. Whether it
        could be set."""
        cdef itimerspec when
        memset(&when, 0, sizeof(when))
        when.it_value.tv_sec = nanoseconds // 1_000_000_000
        when.it_value.tv_nsec = nanoseconds % 1_000_000_000
        return timerfd_settime(self._clock, 0, &when, NULL) == 0


cdef inline long long _now() noexcept:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return now.tv_sec * 1_000_000_000LL + now.tv_nsec
