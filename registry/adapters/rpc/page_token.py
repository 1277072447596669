"""Page tokens: opaque, signed, and good only for the request they were made for.

A token holds where the next page begins. It is signed because what comes back from a
client is input like any other, and bound to the request's other fields because a
position in one list means nothing in another (AIP-158).

Each node signs with a key derived from the database's uid, so that a token made by one
node of a cluster is good at the others, and after a restart. It guards against damage and
mix-ups; it is no secret, for a token grants nothing that the request would not.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

from registry.domain.errors import FieldViolation, InvalidField, PageTokenInvalid

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1000
_SIGNATURE_OCTETS = 12


class PageTokens:
    """Makes and reads page tokens."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def make(self, request: str, position: tuple[str, ...]) -> str:
        """A token for the page of `request` that begins after `position`."""
        body = json.dumps(position, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._sign(request, body) + body).decode().rstrip("=")

    def read(self, request: str, token: str, parts: int) -> tuple[str, ...] | None:
        """The position in a token, of `parts` parts; None for an empty token: the first page.

        Raises PageTokenInvalid when it is damaged or was made for another request.
        """
        if not token:
            return None
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except ValueError:  # also what non-ASCII characters raise
            raise _invalid() from None
        signature, body = raw[:_SIGNATURE_OCTETS], raw[_SIGNATURE_OCTETS:]
        if not hmac.compare_digest(signature, self._sign(request, body)):
            raise _invalid()
        position = json.loads(body)
        if len(position) != parts:
            raise _invalid()
        return tuple(position)

    def _sign(self, request: str, body: bytes) -> bytes:
        # the length keeps (request, body) from being cut elsewhere
        text = f"{len(request)}:{request}".encode() + body
        return hmac.digest(self._key, text, hashlib.sha256)[:_SIGNATURE_OCTETS]


def page_size(asked: int) -> int:
    """The size to use: unset means the default, too many means the maximum (AIP-158).

    Raises InvalidField when negative.
    """
    if asked < 0:
        raise InvalidField(
            FieldViolation(
                "page_size", f"{asked} is negative; 0 or unset means {DEFAULT_PAGE_SIZE}"
            )
        )
    return min(asked, MAX_PAGE_SIZE) or DEFAULT_PAGE_SIZE


def _invalid() -> PageTokenInvalid:
    return PageTokenInvalid(
        FieldViolation(
            "page_token",
            "is damaged, or was made for another request; leave it empty to begin anew",
        )
    )
