"""What is published when an operator goes back to an older generation (I1, I7, I21).

It is a new generation, above the head, with the old content; but no rollback empties a
name by accident: one that has come into being since, or has endpoints where it had none,
stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping

from registry.domain.cell_plan import Entry
from registry.domain.planner import is_servable


# restored_entries
#
#   the name now           in the old generation         restored as
#   ---------------------  ----------------------------  ------------------
#   any                    not understood                it is now
#   something servable     nothing servable, or absent   it is now (I7)
#   nothing servable       absent                        it is now
#   any                    else                          it was then
def restored_entries(
    now: Mapping[str, Entry], then: Mapping[str, Entry]
) -> Mapping[str, Entry | None]:
    """What changes when the content goes from `now` back to `then`; nothing is removed."""
    changed: dict[str, Entry | None] = {}
    for key, old in then.items():
        current = now.get(key)
        if old.plan is None or (current is not None and current.body == old.body):
            continue
        if _is_servable(current) and not _is_servable(old):
            continue
        changed[key] = old
    return changed


def _is_servable(entry: Entry | None) -> bool:
    return (
        entry is not None and entry.plan is not None and any(map(is_servable, entry.plan.endpoints))
    )
