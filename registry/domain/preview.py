"""What a destructive call would do, and the key to have it done (I41).

The first call is answered with a preview. The second sends the preview's digest, and is
refused when things are not as they were then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from registry.domain.errors import PreviewStale

DIGEST_DIGITS = 16
SHOWN_LIMIT = 12
"""Of a longer list the rest is counted; the last one alone is shown, in the line of its count."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a call would do, and the digest that has it done."""

    digest: str
    effects: tuple[str, ...]


def preview_of(effects: Sequence[str], facts: Iterable[str]) -> Preview:
    """The preview of a call that rests on `facts`: while they hold, so does its digest.

    The facts are what the caller must not be wrong about. What comes and goes by itself, like
    health, belongs to the effects alone: else no preview of a busy service would last.
    """
    digest = sha256("\0".join(facts).encode()).hexdigest()[:DIGEST_DIGITS]
    return Preview(digest, tuple(effects) or ("nothing changes",))


# is_confirmed
#
#   digest sent    it is the preview's   result
#   -------------  --------------------  ----------------------------------------------
#   none           -                     False: show the preview, do nothing
#   any            yes                   True: do it
#   any            no                    PreviewStale: things are not as they were
def is_confirmed(preview: Preview, digest: str) -> bool:
    """Whether the caller has seen this preview. Raises PreviewStale."""
    if not digest:
        return False
    if digest != preview.digest:
        raise PreviewStale(
            "things are not as they were when the preview was taken; take a new one and look.",
            preview_digest=digest,
        )
    return True


def shown_first(lines: Sequence[str], what: str) -> tuple[str, ...]:
    """The first lines of a long list; the rest counted, as so many more of `what`."""
    if len(lines) <= SHOWN_LIMIT + 1:
        return tuple(lines)
    return (*lines[:SHOWN_LIMIT], f"and {len(lines) - SHOWN_LIMIT} more {what}")
