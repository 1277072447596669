"""What frontends were seen to have, and this database does not know of.

After an older backup was restored, frontends hold generations from the time that was
lost. They never go back (I1), so the registry has to come after them: with a higher epoch
and a higher generation than any frontend came with (I10).
"""

from __future__ import annotations

from dataclasses import dataclass

from registry.domain.names import NO_EPOCH, NO_GENERATION, Epoch, Generation

CLAIM_LIMIT = 2**62
"""A claim above it is nobody's: numbers must never run out."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A position that a frontend says it has."""

    epoch: Epoch
    generation: Generation
    digest: bytes = b""
    """Empty when it is not told."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """The highest of what frontends came with from another past of this cell."""

    epoch: Epoch = NO_EPOCH
    generation: Generation = NO_GENERATION


# fold_claim
#
#   the claim's epoch   its generation     its digest   the sighting
#   ------------------  -----------------  -----------  ---------------------------------
#   beyond CLAIM_LIMIT, or its generation  any          stays
#   not above the       below the head     any          stays: an older one of ours, or a
#   head's plan's                                       base will do
#   not above it        the head           the head's   stays
#                                          or untold
#   any                 any other          any          the higher, number by number
#
# The epoch is that under which the head was published: a new leader may have taken a
# higher one since, and frontends go by what is published.
def fold_claim(
    known: Sighting, epoch: Epoch, generation: Generation, digest: bytes, claim: Claim
) -> Sighting:
    """What is known once a frontend came with `claim`; the rest is of the cell's head."""
    if max(claim.epoch, claim.generation) > CLAIM_LIMIT:
        return known
    ours = claim.generation < generation or (
        claim.generation == generation and claim.digest in (b"", digest)
    )
    if claim.epoch <= epoch and ours:
        return known
    return Sighting(
        max(known.epoch, claim.epoch) if claim.epoch > epoch else known.epoch,
        max(known.generation, claim.generation),
    )
