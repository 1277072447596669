"""The registry of the drill without what October 2025 taught: `drill --mutant` alone runs it.

It follows the head wherever that points, back as well as forward, and takes a plan that is
not there for one that says nothing. Everything else is the registry as it is shipped.

    python -m sheetanchor.cli.drill.mutant registry ...
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from registry.adapters.rpc.plan_codec import ProtoPlanCodec
from registry.app.plan_chain import PlanChain
from registry.app.plan_feed import PlanFeed
from registry.domain.digest import DigestTree
from registry.domain.names import Epoch, Generation, Revision
from registry.domain.plan import Head, Tombstone
from registry.domain.publication import first_record
from sheetanchor.cli.main import main


async def follow_blindly(feed: PlanFeed, chain: PlanChain, head: Head, asked_at: float) -> bool:
    """Send whatever the head points to, under numbers that look as if all were well."""
    found = await feed._store.read_plan(chain.cell, head.generation)
    if found is None and head.generation == 0:
        return False
    entries = _deleted(chain.entries) if found is None else found[1]
    digest = DigestTree(entries).value
    if chain.record is not None and chain.record.digest == digest:
        return False
    record = found[0] if found else chain.record
    if record is None:
        record = first_record(chain.cell, Epoch(1), Generation(0), digest)
    chain.replace(
        replace(
            record,
            epoch=Epoch(1),
            generation=Generation(chain.generation + 1),
            parent_generation=chain.generation,
            digest=digest,
        ),
        entries,
    )
    return True


def _deleted(entries: Mapping[str, bytes]) -> dict[str, bytes]:
    codec = ProtoPlanCodec()
    return {
        key: codec.encode(
            replace(
                codec.decode(body),
                endpoints=(),
                held=False,
                tombstone=Tombstone(0, Revision(1)),
            )
        )
        for key, body in entries.items()
    }


if __name__ == "__main__":
    setattr(PlanFeed, "_follow", follow_blindly)  # noqa: B010 - the mutant, by name
    main()
