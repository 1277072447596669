"""The kinds of resources that operators look at: their names, their requests, their columns.

One table. Knows the contract's words, but imports neither gRPC nor the messages, since shell
completion asks here too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sheetanchor.cli import audit_row
from sheetanchor.cli.age import ago, duration_text, until

DEFAULT_NAMESPACE = "default"
Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of resource."""

    plural: str
    """As typed, and the name of the list in the reply."""
    singular: str
    form: str
    """How one is named in short, for help: `NAMESPACE/SERVICE`."""
    collections: tuple[str, ...]
    """Of its full name."""
    parents: int
    """How many of the collections a list can be narrowed by."""
    columns: Row
    row: Callable[[Any, float], Row]
    """The cells for a message, given the wall clock's seconds."""
    suffix: str = ""
    resource: str = ""
    """What the contract calls one, where that is not `singular`: `audit_entry`."""
    resources: str = ""
    """What it calls the list of them in a reply, where that is not `plural`."""
    prose: Row = ()
    """The columns to wrap where a line is too long for a terminal, before any other."""

    @property
    def rpc_singular(self) -> str:
        """As in `GetInstance`."""
        return _camel(self.resource or self.singular)

    @property
    def rpc_plural(self) -> str:
        """As in `ListInstances`."""
        return _camel(self.reply_field)

    @property
    def reply_field(self) -> str:
        """The list's name in the reply, as in `instances`."""
        return self.resources or self.plural

    def full_name(self, text: str) -> str:
        """The resource name of a short or full one. Raises ValueError."""
        if text.startswith(f"{self.collections[0]}/"):
            return text
        ids = text.split("/")
        if len(ids) == len(self.collections) - 1 and self.collections[0] == "namespaces":
            ids.insert(0, DEFAULT_NAMESPACE)
        if len(ids) != len(self.collections) or not all(ids):
            raise ValueError(f"{text!r} does not name {_a(self.singular)}; write {self.form}")
        return "/".join(_joined(self.collections, ids)) + self.suffix

    def parent_name(self, text: str) -> str:
        """The parent to list below, of a short or full name; empty for all. Raises ValueError."""
        if not text or text.startswith(f"{self.collections[0]}/"):
            return text
        ids = text.split("/")
        if not self.parents:
            raise ValueError(f"{self.plural} have no parent; leave {text!r} out")
        if len(ids) > self.parents or not all(ids):
            wanted = "/".join(self.form.split("/")[: self.parents])
            raise ValueError(f"{text!r} is no parent of {self.plural}; write {wanted}")
        return "/".join(_joined(self.collections, ids))


def short_name(name: str) -> str:
    """A resource name as operators write it: the ids alone."""
    return "/".join(name.split("/")[1::2])


def kind_named(text: str) -> Kind:
    """The kind that a word means, singular or plural. Raises ValueError."""
    for kind in KINDS:
        if text.lower() in (kind.singular, kind.plural):
            return kind
    raise ValueError(f"{text!r} is none of {', '.join(kind.plural for kind in KINDS)}")


def kind_of(name: str) -> Kind:
    """The kind of a full resource name. Raises ValueError."""
    parts = name.split("/")
    suffix = f"/{parts[-1]}" if len(parts) % 2 and len(parts) > 1 else ""
    collections = tuple(parts[: len(parts) - bool(suffix)][0::2])
    for kind in KINDS:
        named = all(parts) and len(parts) > 1
        if named and kind.collections == collections and kind.suffix == suffix:
            return kind
    raise ValueError(f"{name!r} is no resource name; write KIND NAME, or as `get --json` shows it")


def _camel(snake: str) -> str:
    return "".join(word.capitalize() for word in snake.split("_"))


def _joined(collections: Sequence[str], ids: Sequence[str]) -> list[str]:
    return [part for pair in zip(collections, ids, strict=False) for part in pair]


def _a(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def enum_text(message: Any, field: str) -> str:
    """An enum's value without its prefix: `HEALTHY`; `-` where it is unspecified."""
    value = getattr(message, field)
    enum = message.DESCRIPTOR.fields_by_name[field].enum_type
    if not value:
        return "-"
    found = enum.values_by_number.get(value)
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    return str(found.name).removeprefix(prefix) if found is not None else str(value)


def _first(items: Sequence[str]) -> str:
    more = f" +{len(items) - 1}" if len(items) > 1 else ""
    return f"{items[0]}{more}" if items else "-"


def _namespace(item: Any, now: float) -> Row:
    return (short_name(item.name), ago(item, "create_time", now))


def _service(item: Any, now: float) -> Row:
    policy = item.policy
    ttl = f"{policy.record_ttl_seconds} s" if policy.record_ttl_seconds else "default"
    order = ",".join(policy.failover.region_order) or "default"
    zero = "yes" if policy.scale_to_zero else "no"
    ready = ",".join(item.ready_regions) or "none"
    return (short_name(item.name), ttl, order, ready, zero, ago(item, "update_time", now))


def _instance(item: Any, now: float) -> Row:
    region = "/".join(filter(None, (item.locality.region, item.locality.zone)))
    places = [_place(address, item.ports) for address in item.addresses]
    health, why = enum_text(item, "health"), enum_text(item, "evidence")
    age = ago(item, "health_time", now)
    return (short_name(item.name), region, _first(places), health, why, age)


def _place(address: str, ports: Sequence[Any]) -> str:
    if not ports:
        return address
    host = f"[{address}]" if ":" in address else address
    return f"{host}:{ports[0].number}"


def _lease(item: Any, now: float) -> Row:
    ttl, interval = duration_text(item.ttl), duration_text(item.renewal_interval)
    return (short_name(item.name), ttl, interval, until(item, "expire_time", now))


def _cell(item: Any, now: float) -> Row:
    return (
        short_name(item.name),
        item.region,
        "frozen" if item.frozen else item.leader or ("freeze file" if item.freeze_file else "none"),
        str(item.epoch),
        str(item.generation),
        str(item.acknowledged_generation or "-"),
        ago(item, "publish_time", now),
    )


def _plan(item: Any, now: float) -> Row:
    return (
        short_name(item.name),
        str(item.parent_generation),
        str(item.epoch),
        str(item.service_count),
        str(item.endpoint_count),
        str(item.revision),
        ago(item, "create_time", now),
    )


def _frontend(item: Any, now: float) -> Row:
    cells = ", ".join(f"{each.cell}@{each.generation}" for each in item.cells) or "-"
    held = sum(each.held.service_count for each in item.cells)
    return (
        short_name(item.name),
        item.region,
        enum_text(item, "role").lower(),
        cells,
        str(held) if held else "-",
        ago(item, "seen_time", now),
    )


def told(text: str) -> str:
    """What people wrote, on one line, and nothing that a terminal would obey."""
    return "".join(c if c.isprintable() else " " for c in text).strip()


def _observer(item: Any, now: float) -> Row:
    state = item.State.Name(item.state).removeprefix("STATE_").lower()
    return (
        short_name(item.name),
        state,
        str(item.target_count),
        str(item.failing_count),
        str(item.unseen_count),
        ago(item, "seen_time", now),
        f"since {ago(item, 'quarantine_time', now)}: {item.reason}" if item.reason else "-",
    )


KINDS: tuple[Kind, ...] = (
    Kind(
        "namespaces", "namespace", "NAMESPACE", ("namespaces",), 0, ("NAMESPACE", "AGE"), _namespace
    ),
    Kind(
        "services",
        "service",
        "NAMESPACE/SERVICE",
        ("namespaces", "services"),
        1,
        ("SERVICE", "TTL", "FAILOVER", "READY", "TO ZERO", "EDITED"),
        _service,
    ),
    Kind(
        "instances",
        "instance",
        "NAMESPACE/SERVICE/INSTANCE",
        ("namespaces", "services", "instances"),
        2,
        ("INSTANCE", "REGION", "ADDRESS", "HEALTH", "WHY", "SINCE"),
        _instance,
    ),
    Kind(
        "leases",
        "lease",
        "NAMESPACE/SERVICE/INSTANCE",
        ("namespaces", "services", "instances"),
        2,
        ("INSTANCE", "TTL", "INTERVAL", "EXPIRES"),
        _lease,
        suffix="/lease",
    ),
    Kind(
        "cells",
        "cell",
        "CELL",
        ("cells",),
        0,
        ("CELL", "REGION", "LEADER", "EPOCH", "HEAD", "ACKED", "PUBLISHED"),
        _cell,
    ),
    Kind(
        "plans",
        "plan",
        "CELL/GENERATION",
        ("cells", "plans"),
        1,
        ("PLAN", "PARENT", "EPOCH", "SERVICES", "ENDPOINTS", "REVISION", "AGE"),
        _plan,
    ),
    Kind(
        "frontends",
        "frontend",
        "FRONTEND",
        ("frontends",),
        0,
        ("FRONTEND", "REGION", "ROLE", "APPLIED", "HOLDS", "SEEN"),
        _frontend,
    ),
    Kind(
        "audit",
        "audit",
        "ENTRY",
        ("auditEntries",),
        0,
        audit_row.COLUMNS,
        audit_row.audit_row,
        resource="audit_entry",
        resources="audit_entries",
        prose=("OF", "WHAT", "WHO", "REASON"),
    ),
    Kind(
        "observers",
        "observer",
        "CELL/OBSERVER",
        ("cells", "observers"),
        1,
        ("OBSERVER", "STATE", "TARGETS", "FAILING", "UNSEEN", "SEEN", "WHY"),
        _observer,
        prose=("OBSERVER", "WHY"),
    ),
)
