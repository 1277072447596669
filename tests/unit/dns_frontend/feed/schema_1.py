"""Bases as earlier releases wrote them: a position, entries in frames, the end; what is held."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from dns_frontend.feed import record
from dns_frontend.feed.record import Kind
from dns_frontend.plan.entry import CellPosition


def base(
    position: CellPosition,
    entries: Iterable[tuple[str, bytes]],
    held: Sequence[tuple[str, bytes]] = (),
) -> bytes:
    """The octets of a base of schema 1, an entry a frame."""
    fields = record.position_fields(position) | ({"held": len(held)} if held else {})
    frames = [json.dumps(fields).encode()]
    for part in (entries, held) if held else (entries,):
        frames += [*(record.entry_octets(key, body) for key, body in part), b""]
    return record.header(Kind.BASE) + b"".join(map(record.frame, frames))
