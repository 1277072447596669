"""What goes when a service is deleted, and when its deletion needs a second key (I41)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from registry.domain.instance import Instance
from registry.domain.names import CellName
from registry.domain.preview import Preview, preview_of, shown_first
from registry.domain.quantity import counted
from registry.domain.service import Service


# deletion_preview
#
#   instances  in the plan of a cell                needs a second key
#   ---------  -----------------------------------  -------------------------------------
#   any        -                                    yes: somebody registered them
#   none       answered for, or was to be empty     yes: its name was answered once, and
#                                                   would be denied
#   none       not, or with nothing to answer       no: nobody ever had an answer
def deletion_preview(
    service: Service, instances: Sequence[Instance], served: Mapping[CellName, int]
) -> Preview | None:
    """What deleting a service would do; None when nobody can miss it.

    `served` has each cell whose plan answers, or answered, for it, and how many endpoints an
    answer may name now. Health is shown, but a change of it makes no preview stale.
    """
    if not instances and not served:
        return None
    goes = [
        f"{instance.key.instance} in cell {instance.cell}, {instance.health.name}: goes with it"
        for instance in instances
    ]
    buried = [
        f"{cell}: the name gets a tombstone; "
        + (
            f"{counted(count, 'endpoint')} may answer for it now"
            if count
            else "nothing answers for it now"
        )
        for cell, count in sorted(served.items())
    ]
    registered = counted(len(instances), "instance")
    label = f"{service.key.service}.{service.key.namespace}"
    effects = (
        f"{service.key.entry} is deleted, with its policy and {registered}",
        *shown_first(goes, "instances"),
        *shown_first(buried, "cells"),
        f"DNS denies {label} (NXDOMAIN), unless another registry's cell answers for it",
    )
    facts = (
        "delete",
        service.uid,
        service.etag,
        *sorted(instance.incarnation for instance in instances),
        "cells",
        *(f"{cell} {count > 0}" for cell, count in sorted(served.items())),
    )
    return preview_of(effects, facts)
