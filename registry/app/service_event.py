"""What a watcher of services and instances is told, one message each.

The order is: a snapshot (its last part is `complete`) unless the watcher resumes at a
revision; then every change, once and in order, all of one revision in one batch;
checkpoints between. `revision` is where to resume after the event.
"""

from __future__ import annotations

from dataclasses import dataclass

from registry.domain.change import Change
from registry.domain.instance import Instance
from registry.domain.names import Revision
from registry.domain.service import Service


@dataclass(frozen=True, slots=True)
class SnapshotPart:
    """Part of the state at `revision`: live services and their instances."""

    revision: Revision
    services: tuple[Service, ...]
    instances: tuple[Instance, ...]
    complete: bool
    """True on the last part; before it there is nothing to resume from."""


@dataclass(frozen=True, slots=True)
class ChangeBatch:
    """Consecutive changes, in order of revision."""

    revision: Revision
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Nothing happened that concerns the watcher, up to `revision`."""

    revision: Revision


ServiceEvent = SnapshotPart | ChangeBatch | Checkpoint
