"""Every way in which a request to the registry can fail, as one tree.

The message says what, why and what next; the data are attributes. An adapter maps
each class to a transport status by one table, so a new class here must enter it.
"""

from __future__ import annotations

from dataclasses import dataclass


class RegistryError(Exception):
    """A request was not carried out, and changed nothing.

    `details` are the numbers and names of the message, for machines.
    """

    def __init__(self, message: str, **details: str | int | float) -> None:
        super().__init__(message)
        self.message = message
        self.details: dict[str, str] = {key: str(value) for key, value in details.items()}


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field that breaks its rule; `field` is a path: `instance.ports[0].number`."""

    field: str
    description: str


class InvalidField(RegistryError):
    """One or more fields of the request break their documented rules."""

    def __init__(self, *violations: FieldViolation) -> None:
        text = "; ".join(f"{v.field}: {v.description}" for v in violations)
        super().__init__(f"{text}. Nothing was changed; correct the request.")
        self.violations = violations


class UnknownRegion(InvalidField):
    """The region is not one that this registry owns a cell of."""


class UnknownCell(InvalidField):
    """The cell is not one that this registry owns."""


class NotFound(RegistryError):
    """What was named does not exist."""


class NamespaceNotFound(NotFound):
    """No such namespace."""


class ServiceNotFound(NotFound):
    """No such service."""


class ServiceUnreadable(RegistryError):
    """What the database holds of a service cannot be read (I11); nobody knows what it says."""


class InstanceNotFound(NotFound):
    """No such instance."""


class CellNotFound(NotFound):
    """No such cell."""


class PlanNotFound(NotFound):
    """No such plan: never made, or cleaned up."""


class FrontendNotFound(NotFound):
    """No frontend with that id has been seen."""


class AuditEntryNotFound(NotFound):
    """No such audit entry: never written, or past its time."""


class ObserverNotFound(NotFound):
    """No observer with that id probes the cell."""


class AlreadyExists(RegistryError):
    """What was to be created exists already."""


class EtagMismatch(RegistryError):
    """The etag sent is not the current one."""


class IncarnationSuperseded(RegistryError):
    """A newer registration of the instance exists; this one has no say (I37)."""


class LeaseExpired(RegistryError):
    """The lease ran out before it was renewed."""


class NoRemoval(RegistryError):
    """The instance is leaving no answer against its owner's will: there is nothing to forbid."""


class LeaseNotFound(NotFound):
    """No lease belongs to that incarnation."""


class RequestIdReused(RegistryError):
    """The request id was used before, with other content."""


class ServiceNotEmpty(RegistryError):
    """The service still has instances."""


class RevisionCompacted(RegistryError):
    """The start revision is no longer kept."""


class RevisionInFuture(RegistryError):
    """The start revision has not been reached yet."""


class PageTokenInvalid(InvalidField):
    """The page token is damaged, or was made for another request."""


class Retryable(RegistryError):
    """Nothing was changed, and the same request may succeed later."""

    def __init__(
        self, message: str, *, retry_after_seconds: float, **details: str | int | float
    ) -> None:
        super().__init__(message, **details)
        self.retry_after_seconds = retry_after_seconds


class StoreUnavailable(Retryable):
    """The database does not answer."""


class Overloaded(Retryable):
    """The registry sheds load."""


class ServiceFull(Retryable):
    """A service has as much in a cell as is published of one (I9). `field` is what passes that."""

    def __init__(
        self, message: str, *, field: str, retry_after_seconds: float, **details: str | int | float
    ) -> None:
        super().__init__(message, retry_after_seconds=retry_after_seconds, **details)
        self.field = field


class SchemaOutdated(RegistryError):
    """The database's schema is not the one this version needs."""


class LeadershipLost(RegistryError):
    """The writer's epoch is no longer the cell's: another node leads it (I1)."""


class PreviewStale(RegistryError):
    """The preview sent is not of things as they are now (I41)."""


class PreviewRequired(RegistryError):
    """What is asked for destroys, and nobody has looked at what it would do (I41).

    `effects` say it, a sentence each; the digest is what has it done.
    """

    def __init__(self, message: str, *, digest: str, effects: tuple[str, ...], name: str) -> None:
        super().__init__(message, preview_digest=digest, name=name)
        self.digest = digest
        self.effects = effects


class CellFrozen(LeadershipLost):
    """Somebody stopped the cell's automation: no lead is worth anything there (I40)."""


class RuleBroken(RegistryError):
    """The database refuses a write that would break one of the rules it holds itself."""
