"""What can be asked of the store about one instance or service, and what comes of it.

An operation is decided by `registration.decide` on the row as it stands inside the
writing transaction, so that no decision rests on anything that may have changed.
"""

from __future__ import annotations

from dataclasses import dataclass

from registry.domain.audit import Deed
from registry.domain.change import Change
from registry.domain.errors import RegistryError
from registry.domain.health import Evidence, Health
from registry.domain.instance import Instance, Override, Registration
from registry.domain.names import CellName, Epoch, Incarnation, InstanceKey, Revision, ServiceKey
from registry.domain.service import ServicePolicy


@dataclass(frozen=True, slots=True)
class Register:
    """Register an instance. `incarnation` is the uid to give to a new registration."""

    registration: Registration
    incarnation: Incarnation
    request_id: str
    traceparent: str = ""
    path: str = ""
    """Where in its request the registration stands, for what is told of its fields."""

    @property
    def key(self) -> InstanceKey:
        """The instance meant."""
        return self.registration.key


@dataclass(frozen=True, slots=True)
class Deregister:
    """Take an instance out at its owner's word."""

    key: InstanceKey
    incarnation: Incarnation
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class Drain:
    """Send no new clients to an instance."""

    key: InstanceKey
    incarnation: Incarnation
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class Expire:
    """End a lease that was not renewed since the caller saw `renewals` of it."""

    key: InstanceKey
    incarnation: Incarnation
    renewals: int


@dataclass(frozen=True, slots=True)
class Reap:
    """Remove an instance whose lease ran out long ago, or that drained long enough."""

    key: InstanceKey
    incarnation: Incarnation


@dataclass(frozen=True, slots=True)
class Judge:
    """Record a change of health."""

    key: InstanceKey
    incarnation: Incarnation
    health: Health
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class DecideRemoval:
    """Record an operator's decision on the removal of an instance from its name's answers."""

    key: InstanceKey
    incarnation: Incarnation
    override: Override
    deed: Deed | None = None
    """What is written down of it."""


Operation = Register | Deregister | Drain | Expire | Reap | Judge | DecideRemoval


@dataclass(frozen=True, slots=True)
class Done:
    """The operation was carried out, or had been before (`replayed`)."""

    instance: Instance | None
    """The instance as it now stands; None when it is gone."""
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """The operation was refused and changed nothing."""

    error: RegistryError


@dataclass(frozen=True, slots=True)
class Renewed:
    """An Expire came too late: the lease has been renewed meanwhile, `renewals` times in all."""

    renewals: int


Outcome = Done | Refused | Renewed


@dataclass(frozen=True, slots=True)
class Fence:
    """Proof of leadership; the store refuses the write when the cell's epoch is another."""

    cell: CellName
    epoch: Epoch


@dataclass(frozen=True, slots=True)
class Applied:
    """What one transaction did: an outcome an operation, and the history it made."""

    outcomes: tuple[Outcome, ...]
    changes: tuple[Change, ...]
    revision: Revision


@dataclass(frozen=True, slots=True)
class CreateService:
    """Make a service, and its namespace where that is missing."""

    key: ServiceKey
    policy: ServicePolicy | None
    uid: str
    deed: Deed | None = None


@dataclass(frozen=True, slots=True)
class UpdateService:
    """Give a service another policy. An empty `etag` fits any."""

    key: ServiceKey
    policy: ServicePolicy | None
    etag: str
    stage_uid: str = ""
    """Set: canaries try the policy first, under this name; empty: it acts at once (I19)."""
    preview_digest: str = ""
    """Needed when it lowers a floor (I41)."""
    deed: Deed | None = None
    """What is written down of it."""


@dataclass(frozen=True, slots=True)
class DeleteService:
    """Delete a service; with `force` its instances go with it. An empty `etag` fits any."""

    key: ServiceKey
    etag: str
    force: bool
    preview_digest: str = ""
    """Needed when the service has instances, or was ever answered for (I41)."""
    deed: Deed | None = None
    """What is written down of it."""


@dataclass(frozen=True, slots=True)
class DivertService:
    """Send a cell's clients elsewhere for `seconds`; 0 ends that. An empty `etag` fits any."""

    key: ServiceKey
    cell: CellName
    seconds: float
    reason: str
    etag: str
    deed: Deed | None = None
    """What is written down of it."""


@dataclass(frozen=True, slots=True)
class EndStage:
    """End the bake of a staged change. One that bakes no more is left as it is."""

    key: ServiceKey
    stage_uid: str
    fault: str = ""
    """Why it is rolled back; empty: it is promoted."""


ServiceEdit = CreateService | UpdateService | DeleteService | DivertService | EndStage
