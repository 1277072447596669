from dns_frontend.server.responder import Responder

class Waker:
    """Says when a socket's loop is to run: its descriptor can be read then."""

    @property
    def is_busy(self) -> bool:
        """Whether many datagrams come."""

    def __init__(
        self, fd: int, *, busy_nanoseconds: int = ..., pause_nanoseconds: int = ...
    ) -> None:
        """Raises OSError when the system has none to give."""
    def fileno(self) -> int:
        """What can be read when the loop is to run; -1 once it is closed."""
    def close(self) -> None:
        """Nothing wakes any more; twice is harmless."""
    def heed(self, found: int, is_empty: bool) -> None:
        """The loop ran, found so many datagrams, and left none, or perhaps some."""

class Batch:
    """One socket's loop; `run` is to be called when it can be read, or when its waker says."""

    def __init__(
        self, responder: Responder, fd: int, wildcard: bool, waker: Waker | None = None
    ) -> None: ...
    def run(self) -> int:
        """Answer what has arrived, at most some batches; returns how many datagrams there were."""
