"""What an edit or a first registration makes of a service; the sister of registration.py.

Only an edit can delete a service, and only a deletion empties a name (I7).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from registry.domain.change import Change, InstanceRemoved, ServicePut, ServiceRemoved
from registry.domain.deletion import deletion_preview
from registry.domain.diversion import diverted
from registry.domain.errors import (
    AlreadyExists,
    EtagMismatch,
    PreviewRequired,
    ServiceNotEmpty,
    ServiceNotFound,
)
from registry.domain.floor import floor_preview
from registry.domain.grave import Grave, bury
from registry.domain.instance import Instance
from registry.domain.names import CellName, Revision, ServiceKey
from registry.domain.operation import (
    CreateService,
    DeleteService,
    DivertService,
    EndStage,
    ServiceEdit,
    UpdateService,
)
from registry.domain.preview import Preview, is_confirmed
from registry.domain.quantity import counted
from registry.domain.service import Service, StagedPolicy, StageState


@dataclass(frozen=True, slots=True)
class ServiceVerdict:
    """What an edit makes of a service, and what to write in the order given."""

    service: Service
    changes: tuple[Change, ...] = ()
    """Empty: write nothing, allocate no revision."""
    graves: tuple[Grave, ...] = ()


def open_service(
    key: ServiceKey,
    current: Service | None,
    revision: Revision,
    now_ms: int,
    new_uid: Callable[[], str],
    etag: str,
) -> Service | None:
    """The service that a registration brings into being, or None if it lives already.

    `new_uid` is asked only when there is something to name: nearly always it lives.

    A tombstone is lifted: to register is to want the name served. The new
    service has no policy, since the old one's owner deleted it.
    """
    if current is not None and current.tombstone_time_ms is None:
        return None
    return Service(
        key=key,
        uid=new_uid(),
        policy=None,
        etag=etag,
        create_time_ms=now_ms,
        update_time_ms=now_ms,
        revision=revision,
    )


# Service edits
#
#   edit    row                          result
#   ------  ---------------------------  -------------------------------------------------
#   Create  made by this very edit       replay
#   Create  live                         AlreadyExists
#   Create  none or tombstoned           a new service
#   Update  none or tombstoned           ServiceNotFound
#   Update  live, etag set and another   EtagMismatch
#   Update  live, lowers a floor, no key PreviewRequired; PreviewStale with a wrong key
#   Update  live                         see `_update`
#   Delete  none or tombstoned           ServiceNotFound
#   Delete  live, etag set and another   EtagMismatch
#   Delete  live, instances, not forced  ServiceNotEmpty
#   Delete  live, to be missed, no key   PreviewRequired; PreviewStale with a wrong key
#   Delete  live                         a tombstone; instances removed and buried
#   Divert  none or tombstoned           ServiceNotFound
#   Divert  live, etag set and another   EtagMismatch
#   Divert  live                         see `diversion.diverted`
#   End     none or tombstoned           ServiceNotFound
#   End     live, another stage or none  replay: it was ended, or replaced
#   End     live, no fault               the staged policy in force (promoted)
#   End     live, a fault                the stage rolled back, with the fault as its reason
def decide_service(
    edit: ServiceEdit,
    current: Service | None,
    instances: Sequence[Instance],
    revision: Revision,
    now_ms: int,
    etag: str,
    served: Mapping[CellName, int],
) -> ServiceVerdict:
    """Decide one edit of the service that `edit.key` names.

    `instances` are all of the service's, and `served` is as `deletion_preview` takes it (both
    are asked for by Delete alone); `etag` is the one to give if the service changes. Raises
    AlreadyExists, ServiceNotFound, EtagMismatch, ServiceNotEmpty, PreviewRequired,
    PreviewStale; then nothing is to be written.
    """
    live = current if current is not None and current.tombstone_time_ms is None else None
    if isinstance(edit, CreateService):
        if live is not None and live.uid != edit.uid:
            raise AlreadyExists(
                f"{edit.key} exists already. Update it instead.", name=str(edit.key)
            )
        if live is not None:
            return ServiceVerdict(live)
        made = Service(
            key=edit.key,
            uid=edit.uid,
            policy=edit.policy,
            etag=etag,
            create_time_ms=now_ms,
            update_time_ms=now_ms,
            revision=revision,
        )
        return ServiceVerdict(made, (ServicePut(revision, made),))
    if live is None:
        raise ServiceNotFound(
            f"{edit.key} does not exist. Create it, or register an instance of it.",
            name=str(edit.key),
        )
    if not isinstance(edit, EndStage) and edit.etag and edit.etag != live.etag:
        raise EtagMismatch(
            f"{edit.key} has etag {live.etag} now, not {edit.etag}: somebody edited it "
            "meanwhile. Read it again, then edit.",
            name=str(edit.key),
            etag=edit.etag,
            current_etag=live.etag,
        )
    match edit:
        case UpdateService():
            # what was wished for before has been confirmed, though it may bake still
            lowered = floor_preview(live, live.wished, edit.policy)
            _confirm(edit, lowered, "lower what its name holds on to")
            return _put(live, _update(edit, live, now_ms), revision, now_ms, etag)
        case DeleteService():
            if instances and not edit.force:
                raise ServiceNotEmpty(
                    f"{edit.key} still has {counted(len(instances), 'instance')}. Deregister all, "
                    "or force its deletion (`--force`), which takes them along.",
                    name=str(edit.key),
                    instance_count=len(instances),
                )
            _confirm(edit, deletion_preview(live, instances, served), "delete it")
            buried = replace(
                live,
                etag=etag,
                update_time_ms=now_ms,
                revision=revision,
                tombstone_time_ms=now_ms,
                staged=None,
                diversions=(),
            )
            removals = tuple(InstanceRemoved(revision, i.key, i.cell) for i in instances)
            return ServiceVerdict(
                buried,
                (*removals, ServiceRemoved(revision, buried)),
                tuple(bury(instance, now_ms) for instance in instances),
            )
        case DivertService():
            diversions = diverted(live.diversions, edit.cell, edit.seconds, edit.reason, now_ms)
            return _put(live, replace(live, diversions=diversions), revision, now_ms, etag)
        case EndStage():
            return _put(live, _end(edit, live), revision, now_ms, etag)
        case _:
            assert_never(edit)


def _confirm(edit: UpdateService | DeleteService, preview: Preview | None, to: str) -> None:
    """The second key (I41). Raises PreviewRequired, PreviewStale."""
    if preview is None or is_confirmed(preview, edit.preview_digest):
        return
    raise PreviewRequired(
        f"to {to} takes a look first. Nothing was changed: see what would happen, then send "
        "the preview's digest.",
        digest=preview.digest,
        effects=preview.effects,
        name=str(edit.key),
    )


# _update
#
#   the policy asked for         staged?  result
#   ---------------------------  -------  --------------------------------------------------
#   is in force                  either   acts already: a stage, baking or ended, is dropped
#   another, baking already      yes      the bake goes on: asked twice is asked once
#   another                      yes      it bakes, in the place of what baked
#   another                      no       it acts at once; a stage is dropped
def _update(edit: UpdateService, live: Service, now_ms: int) -> Service:
    if edit.policy == live.policy or not edit.stage_uid:
        return replace(live, policy=edit.policy, staged=None)
    if live.baking is not None and live.baking.policy == edit.policy:
        return live
    return replace(live, staged=StagedPolicy(edit.stage_uid, edit.policy, now_ms))


def _end(edit: EndStage, live: Service) -> Service:
    baking = live.baking
    if baking is None or baking.uid != edit.stage_uid:
        return live
    if not edit.fault:
        return replace(live, policy=baking.policy, staged=None)
    ended = replace(baking, state=StageState.ROLLED_BACK, reason=edit.fault)
    return replace(live, staged=ended)


def _put(
    before: Service, after: Service, revision: Revision, now_ms: int, etag: str
) -> ServiceVerdict:
    if after == before:
        return ServiceVerdict(before)
    made = replace(after, etag=etag, update_time_ms=now_ms, revision=revision)
    return ServiceVerdict(made, (ServicePut(revision, made),))
