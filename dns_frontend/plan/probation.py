"""When a generation has proven itself, and when it is suspected of killing us.

Pure. Two questions, asked of the same thing, a process that lives on or does not:

- `soak`: a generation becomes a *known good* only after this process served it for a
  while and lived (I18). At most one of a cell soaks at a time; what is published
  meanwhile soaks later, so that known goods are as far apart as the pace says.
- `begin`: a process that died soon after its start, several times in a row, is suspected
  to die of what it serves; then it begins with what is known good instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dns_frontend.plan.cell import Snapshot

DEATHS_SUSPICIOUS = 3
"""Deaths in a row, each before the soak was over, that make the content suspect."""
SUSPECTS_KEPT = 32


@dataclass(frozen=True, slots=True)
class Pace:
    """How long is long enough, in seconds."""

    soak_seconds: float = 120.0
    """A generation, and a process, that lived so long has proven itself."""
    interval_seconds: float = 600.0
    """From one known good to the next of the same cell."""


# --- Soaking ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Soak:
    """Where one cell's soaking stands."""

    candidate: Snapshot | None = None
    since: float = 0.0
    """When the candidate began to be served, by the monotonic clock."""
    proven: bytes = b""
    """Digest of the newest known good."""
    proven_at: float | None = None
    """When it was proven; None: before this process began."""


def soak(
    state: Soak, served: Snapshot | None, now: float, pace: Pace
) -> tuple[Soak, Snapshot | None]:
    """Let time pass; the second value is a generation that has just proven itself.

        candidate   served                      time                          step
        ---------   -------------------------   ---------------------------   --------------------
        none        nothing                     any                           none
        none        the newest known good       any                           none
        none        another                     interval since the last over  it begins to soak
        none        another                     interval not over             none
        some        any                         soak not over                 none
        some        any                         soak over                     candidate is proven

    A candidate stays one when a newer generation is served: what came from it did not
    kill us either, and a busy cell would else never prove anything.
    """
    if state.candidate is None:
        if served is None or served.position.digest == state.proven:
            return state, None
        if state.proven_at is not None and now - state.proven_at < pace.interval_seconds:
            return state, None
        return Soak(served, now, state.proven, state.proven_at), None
    if now - state.since < pace.soak_seconds:
        return state, None
    return Soak(None, 0.0, state.candidate.position.digest, now), state.candidate


# --- Beginning -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Record:
    """What is kept on disk about this process's lives."""

    running: bool = False
    """Set at the start, cleared at an orderly end; found set, the last life ended badly."""
    proven: bool = False
    """Whether that life outlived the soak."""
    deaths: int = 0
    """Lives in a row that ended badly and early."""
    suspects: tuple[str, ...] = ()
    """Digests, in hexadecimal, of generations that were served when we died too often."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """How to begin."""

    record: Record
    """To be written before anything is served."""
    distrusted: frozenset[str]
    """Cells to be served from their newest known good instead of their newest generation."""


def begin(last: Record, fresh: Mapping[str, bytes], good: Mapping[str, bytes]) -> Beginning:
    """How to begin after `last`, with the cells' newest and known good digests on disk.

        last life ended    outlived the soak  deaths with it   begin with
        -----------------  -----------------  ---------------  --------------------------------
        well, or none was  any                any              fresh; deaths 0
        badly              yes                any              fresh; deaths 0
        badly              no                 too few          fresh, but for suspects
        badly              no                 too many         known good where there is one

    A cell whose newest generation is its known good, or that has none, is never distrusted:
    there is nothing better (I7).
    """
    if not last.running or last.proven:
        return Beginning(Record(running=True, suspects=last.suspects), frozenset())
    deaths = last.deaths + 1
    doubted = {cell for cell, digest in fresh.items() if good.get(cell, digest) != digest}
    if deaths < DEATHS_SUSPICIOUS:
        # one that was suspected before is no longer given three more chances
        doubted = {cell for cell in doubted if fresh[cell].hex() in last.suspects}
    new = sorted(fresh[cell].hex() for cell in doubted)
    suspects = tuple(dict.fromkeys((*last.suspects, *new)))[-SUSPECTS_KEPT:]
    return Beginning(Record(True, False, deaths, suspects), frozenset(doubted))
