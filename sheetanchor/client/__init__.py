"""What a service imports: register it, keep it registered, find others.

>>> from sheetanchor.client import Registration
>>> async with Registration("checkout", region="east", addresses="10.0.0.7", ports=8080):
...     await serve()

In code without an event loop, `with Registration(...).sync():` does the same.
"""

from sheetanchor.client.announcement import Check, Port
from sheetanchor.client.backoff import Backoff
from sheetanchor.client.discovery import (
    Changes,
    Checkpoint,
    Event,
    Interrupted,
    Resolution,
    Snapshot,
    resolve,
    watch,
)
from sheetanchor.client.errors import (
    Conflict,
    FieldViolation,
    IncarnationSuperseded,
    InvalidRequest,
    LeaseLost,
    NotFound,
    PreviewRequired,
    RegistryBusy,
    RegistryFault,
    RegistryRefusal,
    RegistryUnreachable,
    RevisionUnavailable,
    SheetanchorError,
)
from sheetanchor.client.registration import Registration
from sheetanchor.client.standing import Standing, Status
from sheetanchor.client.sync import SyncRegistration

__all__ = [
    "Backoff",
    "Changes",
    "Check",
    "Checkpoint",
    "Conflict",
    "Event",
    "FieldViolation",
    "IncarnationSuperseded",
    "Interrupted",
    "InvalidRequest",
    "LeaseLost",
    "NotFound",
    "Port",
    "PreviewRequired",
    "Registration",
    "RegistryBusy",
    "RegistryFault",
    "RegistryRefusal",
    "RegistryUnreachable",
    "Resolution",
    "RevisionUnavailable",
    "SheetanchorError",
    "Snapshot",
    "Standing",
    "Status",
    "SyncRegistration",
    "resolve",
    "watch",
]
