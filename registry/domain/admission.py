"""What a request may say of an instance: the rules of the contract, all checked at once.

Takes values as they came and gives a Registration in one canonical form, or all
violations with the path of each field. Equal requests give equal registrations.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from registry.domain.address import canonical, unreachable
from registry.domain.check_admission import DraftCheck, admit_check
from registry.domain.complaints import Complaints, shown
from registry.domain.errors import UnknownCell, UnknownRegion
from registry.domain.instance import Port, Protocol, Registration
from registry.domain.names import (
    LABEL_RULE,
    CellName,
    InstanceId,
    InstanceKey,
    NamespaceId,
    RegionName,
    ServiceId,
    ServiceKey,
    is_label,
)
from registry.domain.zone import ZONE_KEY

BATCH_LIMIT = 100
ADDRESS_LIMIT = 8
PORT_LIMIT = 16
METADATA_LIMIT = 64
METADATA_KEY = re.compile(r"[A-Za-z0-9_./-]{1,128}", re.ASCII)
METADATA_VALUE_LIMIT = 512
TTL_SECONDS = (1.0, 300.0)
DEFAULT_TTL_SECONDS = 15.0
DEFAULT_PORT_NAME = "main"
LONGEST_SERVICE_NAME = len("namespaces//services/") + 2 * 63
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class DraftPort:
    """A port as it came. An empty `protocol` is unset; else a value of Protocol is wanted."""

    name: str
    number: int
    protocol: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """A registration as it came. "", 0 and None are unset."""

    parent: str
    instance_id: str
    region: str
    addresses: Sequence[str]
    name: str = ""
    zone: str = ""
    cell: str = ""
    ports: Sequence[DraftPort] = ()
    priority: int = 0
    weight: int = 0
    metadata: Mapping[str, str] = field(default_factory=dict)
    check: DraftCheck | None = None
    ttl_seconds: float | None = None
    request_id: str = ""


def admit(draft: Draft, cells: Mapping[CellName, RegionName], prefix: str = "") -> Registration:
    """Check a draft against every rule of the contract.

    `cells` are the registry's own with their regions; `prefix` goes before each field path.
    Raises InvalidField with all violations (UnknownRegion or UnknownCell if that is all).
    """
    complaints = Complaints(prefix)
    key = _key(draft, complaints)
    cell, region = _place(draft, cells, complaints)
    addresses = admit_addresses(draft.addresses, "instance.addresses", complaints)
    ports = _ports(draft.ports, complaints)
    check = admit_check(draft.check or _UNSET_CHECK, ports, complaints)
    if draft.zone:
        complaints.label("instance.locality.zone", draft.zone)
    complaints.span("instance.priority", draft.priority, (0, 65535))
    complaints.span("instance.weight", draft.weight or 1, (1, 65535))
    _metadata(draft.metadata, complaints)
    ttl_seconds = DEFAULT_TTL_SECONDS if draft.ttl_seconds is None else draft.ttl_seconds
    complaints.span("ttl", ttl_seconds, TTL_SECONDS, " s")
    if draft.request_id and not UUID.fullmatch(draft.request_id.lower()):
        complaints.add("request_id", f"must be a UUID or empty; is {shown(draft.request_id)}")
    complaints.check()
    return Registration(
        key=key,
        cell=cell,
        region=region,
        zone=draft.zone,
        addresses=addresses,
        ports=ports,
        priority=draft.priority,
        weight=draft.weight or 1,
        metadata=dict(sorted(draft.metadata.items())),
        check=check,
        ttl_seconds=ttl_seconds,
    )


def _key(draft: Draft, complaints: Complaints) -> InstanceKey:
    service = service_key_of(draft.parent)
    if service is None:
        complaints.add(
            "parent",
            "must be namespaces/{namespace}/services/{service}, each id "
            f"{LABEL_RULE}; is {shown(draft.parent)}",
        )
        service = ServiceKey(NamespaceId(""), ServiceId(""))
    elif service == ZONE_KEY:
        complaints.add("parent", f"{service} holds the zone's settings, and takes no instances")
    complaints.label("instance_id", draft.instance_id)
    key = InstanceKey(*service, InstanceId(draft.instance_id))
    if draft.name and draft.name != str(key):
        complaints.add("instance.name", "must be empty, or agree with parent and instance_id")
    return key


def service_key_of(name: str) -> ServiceKey | None:
    """The key that `namespaces/{namespace}/services/{service}` names; None for anything else."""
    return None if len(name) > LONGEST_SERVICE_NAME else _service_key_of(name)


# Most registrations are of services that others were registered in a moment ago.
@lru_cache(maxsize=4096)
def _service_key_of(name: str) -> ServiceKey | None:
    parts = name.split("/", 5)
    match parts:
        case ["namespaces", namespace, "services", service] if is_label(namespace) and is_label(
            service
        ):
            return ServiceKey(NamespaceId(namespace), ServiceId(service))
        case _:
            return None


# Region and cell
#
#   region   cell                          result
#   -------  ----------------------------  ---------------------------------------
#   unset    any                           InvalidField: the region is required
#   unknown  any                           UnknownRegion
#   known    unset, one named like region  that one
#   known    unset, none named like it     UnknownCell
#   known    unknown                       UnknownCell
#   known    of another region             InvalidField
#   known    of the region                 as asked
def _place(
    draft: Draft, cells: Mapping[CellName, RegionName], complaints: Complaints
) -> tuple[CellName, RegionName]:
    region = RegionName(draft.region)
    cell = CellName(draft.cell or draft.region)
    if not region:
        complaints.add("instance.locality.region", "is required")
    elif region not in cells.values():
        known = ", ".join(sorted(set(cells.values())))
        complaints.add(
            "instance.locality.region",
            f"{shown(region)} is not a region of this registry; it has: {known}",
            UnknownRegion,
        )
    elif cell not in cells:
        wanted = (
            f"{shown(cell)} is not a cell of this registry"
            if draft.cell
            else f"is required, since no cell is named like the region {region}"
        )
        complaints.add(
            "instance.cell", f"{wanted}; it has: {', '.join(sorted(cells))}", UnknownCell
        )
    elif cells[cell] != region:
        complaints.add("instance.cell", f"{cell} is a cell of {cells[cell]}, not of {region}")
    return cell, region


def admit_addresses(
    texts: Sequence[str], path_of_all: str, complaints: Complaints
) -> tuple[str, ...]:
    """Literal addresses in canonical form; what is wrong with them goes to `complaints`."""
    if not 1 <= len(texts) <= ADDRESS_LIMIT:
        complaints.add(path_of_all, f"must be 1 to {ADDRESS_LIMIT}, are {len(texts)}")
        return ()
    addresses: list[str] = []
    for at, text in enumerate(texts):
        path = f"{path_of_all}[{at}]"
        address = canonical(text)
        if address is None:
            complaints.add(path, f"must be a literal IPv4 or IPv6 address; is {shown(text)}")
        elif fault := unreachable(address):
            complaints.add(path, f"{address} {fault}")
        elif address in addresses:
            complaints.add(path, f"{address} is given twice")
        else:
            addresses.append(address)
    return tuple(addresses)


def _ports(drafts: Sequence[DraftPort], complaints: Complaints) -> tuple[Port, ...]:
    if len(drafts) > PORT_LIMIT:
        complaints.add("instance.ports", f"must be at most {PORT_LIMIT}, are {len(drafts)}")
        return ()
    ports: list[Port] = []
    names: set[str] = set()
    for at, draft in enumerate(drafts):
        path = f"instance.ports[{at}]"
        name = draft.name or (DEFAULT_PORT_NAME if at == 0 else "")
        if complaints.label(f"{path}.name", name) and name in names:
            complaints.add(f"{path}.name", f"{name} names an earlier port; give each its own")
        names.add(name)
        complaints.span(f"{path}.number", draft.number, (1, 65535))
        protocol = _PROTOCOLS.get(draft.protocol)
        if protocol is None:
            complaints.add(f"{path}.protocol", f"must be TCP or UDP, is {shown(draft.protocol)}")
        ports.append(Port(name, draft.number, protocol or Protocol.TCP))
    return tuple(ports)


def _metadata(pairs: Mapping[str, str], complaints: Complaints) -> None:
    if len(pairs) > METADATA_LIMIT:
        complaints.add(
            "instance.metadata", f"must be at most {METADATA_LIMIT} pairs, are {len(pairs)}"
        )
        return
    for key, value in sorted(pairs.items()):
        path = f"instance.metadata[{shown(key)}]"
        if not METADATA_KEY.fullmatch(key):
            complaints.add(path, "the key must be 1 to 128 characters of [A-Za-z0-9_./-]")
        if len(value) > METADATA_VALUE_LIMIT or not value.isprintable():
            complaints.add(
                path, f"the value must be at most {METADATA_VALUE_LIMIT} printable characters"
            )


_UNSET_CHECK = DraftCheck()
_PROTOCOLS = {"": Protocol.TCP, **{protocol.value: protocol for protocol in Protocol}}
