"""What a worker is told once, at its start."""

from __future__ import annotations

import pickle
from dataclasses import dataclass

from dns_frontend.config import FrontendSettings
from dns_frontend.server.settings import ServerSettings
from dns_frontend.workers.frame import FrameError

EDITION = 1
"""Rises when a frame comes to mean something else: where a release was installed over the one
that runs, an old frontend must not start new workers."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The frontend that it works for, and its place there."""

    worker: int
    """1 and up; the process that started it is 0."""
    settings: FrontendSettings
    answering: ServerSettings
    """Its own share of what is limited."""
    port: int
    seed: int
    """Who meets whom in the table of rates, the same everywhere."""
    log_level: int
    edition: int = EDITION

    def packed(self) -> bytes:
        """For `unpacked`."""
        return pickle.dumps((self.edition, pickle.dumps(self)))


def unpacked(octets: bytes) -> Terms:
    """The inverse. Raises FrameError when another release made them.

    They come over a connection that only the process at its other end, which started this one,
    ever had: whoever can write to it could as well have started anything.
    """
    try:
        edition, packed = pickle.loads(octets)
        terms = pickle.loads(packed) if edition == EDITION else None
    except Exception as error:  # what a pickle of another release raises is anybody's guess
        raise FrameError(f"the terms cannot be read: {error!r}") from error
    if not isinstance(terms, Terms):
        raise FrameError("another release was installed meanwhile: restart the frontend")
    return terms
