"""Notices: the word of one node to the others that something was committed.

    topic      scope          number          who acts at once
    ---------  -------------  --------------  -----------------------------------------
    HISTORY    -              the revision    mirrors read on
    HEAD       a cell         the generation  plan feeds fetch it
    FREEZE     a cell, or *   -               freezers look
    LEAD       a cell         -               a node that waits for the lead asks for it
    MISSED     -              -               all of them: anything may have happened

A notice wakes and proves nothing: it may be late, doubled, forged or lost. Who hears one
reads the store, and who hears none looks there as well, only later.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

LONGEST = 200
"""Characters of a notice; what is longer was not written by a registry."""


class Topic(Enum):
    """What a notice is about. May grow: an unknown one is not for this version."""

    HISTORY = "history"
    HEAD = "head"
    FREEZE = "freeze"
    LEAD = "lead"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something was committed."""

    topic: Topic
    scope: str = ""
    number: int = 0

    def __str__(self) -> str:
        return f"{self.topic.value} {self.number} {self.scope}"[:LONGEST]


def parse_notice(text: str) -> Notice | None:
    """The notice that a text is; None for what this version does not know (I39)."""
    if len(text) > LONGEST:
        return None
    word, _, rest = text.partition(" ")
    number, _, scope = rest.partition(" ")
    if not (number.isascii() and number.isdecimal()):
        return None
    try:
        return Notice(Topic(word), scope, int(number))
    except ValueError:
        return None
