from dns_frontend.server.responder import Responder

class Batch:
    """One socket's loop; `run` is to be called when it can be read."""

    def __init__(self, responder: Responder, fd: int, wildcard: bool) -> None: ...
    def run(self) -> int:
        """Answer what has arrived, at most some batches; returns how many datagrams there were."""
