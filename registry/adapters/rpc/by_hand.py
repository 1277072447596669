"""What is written down of a request that somebody makes by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from registry.adapters.rpc.control import text_of
from registry.app.audit import Scribe
from registry.domain.audit import Act, Deed


class ByHand(Protocol):
    """A request that says who asks, and why."""

    actor: str
    reason: str


def deed_of(scribe: Scribe, act: Act, subject: object, request: ByHand, detail: str) -> Deed:
    """The deed that the request is, done now."""
    made = scribe.deed(act, str(subject), text_of(request.actor), text_of(request.reason))
    return replace(made, detail=detail)
