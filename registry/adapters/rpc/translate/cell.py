"""Cells, from the domain to their message."""

from __future__ import annotations

from registry.adapters.rpc.translate.moment import timestamp
from registry.domain.names import Generation
from registry.domain.plan import Head
from sheetanchor.v1 import cell_pb2 as pb


def cell_message(head: Head, acknowledged: Generation, freeze_file: str) -> pb.Cell:
    """A cell as the API shows it; `acknowledged` is 0 when no frontend follows, `freeze_file`
    where the file is that stops it at this node, if one does."""
    return pb.Cell(
        name=f"cells/{head.cell}",
        region=head.region,
        epoch=head.epoch,
        leader=head.leader,
        generation=head.generation,
        digest=head.digest,
        publish_time=timestamp(head.publish_time_ms) if head.publish_time_ms else None,
        acknowledged_generation=acknowledged,
        frozen=head.frozen,
        freeze_file=freeze_file,
        refused_entries=[
            pb.RefusedEntry(service=str(each.service), rule=each.rule, reason=each.reason)
            for each in head.refused
        ],
    )
