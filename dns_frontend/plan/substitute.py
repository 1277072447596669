"""The state to begin in when the newest generation cannot be served: an older one in its place."""

from __future__ import annotations

from dataclasses import replace

from dns_frontend.plan.cell_event import Snapshot
from dns_frontend.plan.cell_state import CellState, Refused
from dns_frontend.plan.guard import Finding, Rule, is_emptied


def distrust(fresh: Snapshot, good: Snapshot, now: float) -> CellState:
    """The state to begin in when `fresh` is suspected of having killed us (I18)."""
    finding = Finding(
        Rule.CRASHED,
        f"generation {fresh.position.generation} was served when this frontend died again and"
        f" again; generation {good.position.generation} is served in its place",
    )
    return instead(fresh, good, finding, now)


def instead(fresh: Snapshot, good: Snapshot, finding: Finding, now: float) -> CellState:
    """The state to begin in with `good`, since `fresh` cannot be served.

    The content of `good` is served where `fresh` stands in the chain, so that the
    position never goes back (I1); `fresh` is the head that the next delta builds on.
    """
    position = replace(
        good.position, epoch=fresh.position.epoch, generation=fresh.position.generation
    )
    # what was held is none of the suspect's content; a deletion it knows of is still meant
    held = {
        key: kept
        for key, kept in {**good.held, **fresh.held}.items()
        if (key in fresh.held or fresh.tree.get(key) is None)
        and ((found := good.tree.get(key)) is None or is_emptied(kept.entry, found.entry))
    }
    served = Snapshot(position, good.tree, held)
    return CellState(fresh.position.cell, served, Refused(fresh, finding, now))
