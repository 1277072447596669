"""Resource names: from text as clients send it to keys.

Ids are checked here, since a name that cannot exist is INVALID_ARGUMENT, not
NOT_FOUND. `-` in a parent means any id (AIP-159).
"""

from __future__ import annotations

from registry.domain.errors import FieldViolation, InvalidField
from registry.domain.names import (
    LABEL_RULE,
    CellName,
    FrontendId,
    Generation,
    InstanceId,
    InstanceKey,
    NamespaceId,
    ServiceId,
    ServiceKey,
    is_label,
)
from registry.domain.observation import ObserverId
from registry.domain.zone import ZONE_KEY

ANY = "-"
MAX_GENERATION = 2**63 - 1


def namespace_id(text: str, field: str) -> NamespaceId:
    """The id in `namespaces/{namespace}`. Raises InvalidField."""
    (namespace,) = _ids(text, field, ("namespaces",))
    return NamespaceId(namespace)


def service_key(text: str, field: str) -> ServiceKey:
    """The key in `namespaces/{namespace}/services/{service}`. Raises InvalidField."""
    namespace, service = _ids(text, field, ("namespaces", "services"))
    return ServiceKey(NamespaceId(namespace), ServiceId(service))


def owned_key(text: str, field: str) -> ServiceKey:
    """The same, of a service that an owner may edit. Raises InvalidField."""
    key = service_key(text, field)
    if key == ZONE_KEY:
        raise InvalidField(
            FieldViolation(
                field,
                f"{key} holds the zone's settings; edit them with UpdateZone "
                "(`sheetanchor zone set`)",
            )
        )
    return key


def instance_key(text: str, field: str) -> InstanceKey:
    """The key in `namespaces/{}/services/{}/instances/{}`. Raises InvalidField."""
    namespace, service, instance = _ids(text, field, ("namespaces", "services", "instances"))
    return InstanceKey(NamespaceId(namespace), ServiceId(service), InstanceId(instance))


def lease_key(text: str, field: str) -> InstanceKey:
    """The instance in a lease's name, `{instance}/lease`. Raises InvalidField."""
    instance, slash, last = text.rpartition("/")
    if not slash or last != "lease":
        raise _wrong(text, field, ("namespaces", "services", "instances"), "/lease")
    return instance_key(instance, field)


def cell_name(text: str, field: str) -> CellName:
    """The id in `cells/{cell}`. Raises InvalidField."""
    (cell,) = _ids(text, field, ("cells",))
    return CellName(cell)


def plan_name(text: str, field: str) -> tuple[CellName, Generation]:
    """The parts of `cells/{cell}/plans/{generation}`. Raises InvalidField."""
    parts = text.split("/")
    digits = parts[3] if len(parts) == 4 else ""
    if parts[0::2] != ["cells", "plans"] or not (digits.isascii() and digits.isdecimal()):
        raise _wrong(text, field, ("cells", "plans"), "")
    # 19 digits always fit; a longer number is a generation that never was
    generation = min(int(digits[:20]), MAX_GENERATION)
    return CellName(_label(parts[1], field)), Generation(generation)


def frontend_id(text: str, field: str) -> FrontendId:
    """The id in `frontends/{frontend}`. Raises InvalidField."""
    collection, _, frontend = text.partition("/")
    if collection != "frontends" or not frontend or "/" in frontend:
        raise _wrong(text, field, ("frontends",), "")
    return FrontendId(frontend)


def audit_uid(text: str, field: str) -> str:
    """The uid in `auditEntries/{entry}`. Raises InvalidField."""
    collection, _, uid = text.partition("/")
    if collection != "auditEntries" or not uid or "/" in uid:
        raise InvalidField(
            FieldViolation(field, f"{text[:200]!r} is not of the form auditEntries/{{entry}}")
        )
    return uid


def observer_name(text: str, field: str) -> tuple[CellName, ObserverId]:
    """The parts of `cells/{cell}/observers/{observer}`. Raises InvalidField."""
    parts = text.split("/")
    if parts[0::2] != ["cells", "observers"] or len(parts) != 4 or not parts[3]:
        raise _wrong(text, field, ("cells", "observers"), "")
    return CellName(_label(parts[1], field)), ObserverId(parts[3])


def parent_ids(text: str, field: str, collections: tuple[str, ...]) -> tuple[str | None, ...]:
    """The ids in a list's parent, one for each of `collections`; None where any will do.

    An empty parent, or one that ends early, means any id from there on. Raises InvalidField.
    """
    parts = text.split("/") if text else []
    known = tuple(parts[0::2]) == collections[: (len(parts) + 1) // 2]
    if len(parts) % 2 or len(parts) > 2 * len(collections) or not known:
        raise _wrong(text, field, collections, "")
    ids = [None if part == ANY else _label(part, field) for part in parts[1::2]]
    return (*ids, *[None] * (len(collections) - len(ids)))


def _ids(text: str, field: str, collections: tuple[str, ...]) -> list[str]:
    parts = text.split("/")
    if len(parts) != 2 * len(collections) or tuple(parts[0::2]) != collections:
        raise _wrong(text, field, collections, "")
    return [_label(part, field) for part in parts[1::2]]


def _label(part: str, field: str) -> str:
    if not is_label(part):
        raise InvalidField(FieldViolation(field, f"the id {part[:80]!r} is not {LABEL_RULE}"))
    return part


def _wrong(text: str, field: str, collections: tuple[str, ...], end: str) -> InvalidField:
    shape = "/".join(f"{name}/{{{name.removesuffix('s')}}}" for name in collections) + end
    return InvalidField(FieldViolation(field, f"{text[:200]!r} is not of the form {shape}"))
