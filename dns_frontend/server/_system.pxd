# cython: language_level=3
"""What the loop in batches needs of the system: many datagrams a call, where they came to, and
what calls when some have come or some time has passed."""

from libc.string cimport memcpy

cdef extern from "<time.h>" nogil:
    cdef struct timespec:
        long tv_sec
        long tv_nsec
    cdef struct itimerspec:
        timespec it_value
    int CLOCK_MONOTONIC
    int clock_gettime(int clock, timespec *now)

cdef extern from "<sys/timerfd.h>" nogil:
    int TFD_CLOEXEC, TFD_NONBLOCK
    int timerfd_create(int clock, int flags)
    int timerfd_settime(int fd, int flags, const itimerspec *when, itimerspec *before)

cdef extern from "<sys/epoll.h>" nogil:
    cdef struct epoll_event:
        unsigned int events
    int EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLLIN
    int epoll_create1(int flags)
    int epoll_ctl(int epoll, int what, int fd, epoll_event *event)

cdef extern from "<sys/socket.h>" nogil:
    ctypedef unsigned int socklen_t
    cdef struct sockaddr:
        pass
    cdef struct sockaddr_storage:
        unsigned short ss_family
    cdef struct iovec:
        void *iov_base
        size_t iov_len
    cdef struct msghdr:
        void *msg_name
        socklen_t msg_namelen
        iovec *msg_iov
        size_t msg_iovlen
        void *msg_control
        size_t msg_controllen
        int msg_flags
    cdef struct mmsghdr:
        msghdr msg_hdr
        unsigned int msg_len
    cdef struct cmsghdr:
        size_t cmsg_len
        int cmsg_level
        int cmsg_type
    int AF_INET, AF_INET6, MSG_DONTWAIT
    int recvmmsg(int fd, mmsghdr *messages, unsigned int count, int flags, timespec *timeout)
    int sendmmsg(int fd, mmsghdr *messages, unsigned int count, int flags)
    cmsghdr *CMSG_FIRSTHDR(msghdr *message)
    cmsghdr *CMSG_NXTHDR(msghdr *message, cmsghdr *after)
    unsigned char *CMSG_DATA(cmsghdr *header)
    size_t CMSG_LEN(size_t length)
    size_t CMSG_SPACE(size_t length)

cdef extern from "<netinet/in.h>" nogil:
    cdef struct in_addr:
        unsigned int s_addr
    cdef struct in6_addr:
        pass
    cdef struct sockaddr_in:
        unsigned short sin_port
        in_addr sin_addr
    cdef struct sockaddr_in6:
        unsigned short sin6_port
        in6_addr sin6_addr
        unsigned int sin6_scope_id
    cdef struct in_pktinfo:
        unsigned int ipi_ifindex
        in_addr ipi_spec_dst
        in_addr ipi_addr
    cdef struct in6_pktinfo:
        pass
    int IPPROTO_IP, IP_PKTINFO, IPPROTO_IPV6, IPV6_PKTINFO
    unsigned short ntohs(unsigned short number)

cdef extern from *:
    void __builtin_prefetch(const void *)

cdef extern from "<netdb.h>" nogil:
    int NI_NUMERICHOST, NI_MAXHOST
    int getnameinfo(
        sockaddr *address, socklen_t size, char *host, socklen_t room, char *service,
        socklen_t service_room, int flags
    )


cdef inline size_t source_of(msghdr *received, unsigned char *control) noexcept:
    """Write what makes a reply leave from the address asked; its length, 0: nothing is known."""
    cdef cmsghdr *header = CMSG_FIRSTHDR(received)
    cdef cmsghdr *ours = <cmsghdr *>control
    cdef in_pktinfo told
    while header != NULL:
        if header.cmsg_level == IPPROTO_IPV6 and header.cmsg_type == IPV6_PKTINFO \
                and header.cmsg_len == CMSG_LEN(sizeof(in6_pktinfo)):
            memcpy(ours, header, header.cmsg_len)
            return CMSG_SPACE(sizeof(in6_pktinfo))
        if header.cmsg_level == IPPROTO_IP and header.cmsg_type == IP_PKTINFO \
                and header.cmsg_len == CMSG_LEN(sizeof(in_pktinfo)):
            memcpy(&told, CMSG_DATA(header), sizeof(in_pktinfo))
            told.ipi_ifindex = 0
            told.ipi_addr.s_addr = 0
            memcpy(ours, header, CMSG_LEN(0))
            memcpy(CMSG_DATA(ours), &told, sizeof(in_pktinfo))
            return CMSG_SPACE(sizeof(in_pktinfo))
        header = CMSG_NXTHDR(received, header)
    return 0
