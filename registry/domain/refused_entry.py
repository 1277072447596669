"""What a cell's leader tells operators of the entries that the guard keeps as they were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from registry.domain.names import ServiceKey

TOLD_LIMIT = 100
"""Of one cell; of more, the first by name. They are there to be looked at, one by one."""
REASON_LIMIT = 256
"""Characters."""


@dataclass(frozen=True, slots=True)
class RefusedEntry:
    """A service whose newest entry is not published; the one before stays in force."""

    service: ServiceKey
    rule: str
    """A value of `guard.Rule`, perhaps of another version."""
    reason: str


def told(found: Mapping[str, tuple[str, str]]) -> tuple[RefusedEntry, ...]:
    """What is told of rules and reasons by entry: by name, as every database can keep it."""
    return tuple(
        RefusedEntry(ServiceKey.of_entry(key), found[key][0], _plain(found[key][1]))
        for key in sorted(found)[:TOLD_LIMIT]
    )


def _plain(reason: str) -> str:
    text = "".join(each if each.isprintable() else " " for each in reason)
    return text if len(text) <= REASON_LIMIT else f"{text[: REASON_LIMIT - 3]}..."
