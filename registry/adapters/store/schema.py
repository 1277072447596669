"""The tables, as the migrations make them (a test holds the two equal).

Rows that only the registry reads whole carry a JSON body and no more columns than are
searched by; the narrow table is `leases`, the only one that heartbeats write.
Constraints, and the triggers of triggers.py, repeat the core rules of the domain, in case
code forgets them.
"""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    event,
)

from registry.adapters.store.triggers import POSTGRESQL_TRIGGERS, SQLITE_TRIGGERS

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

# Octet order on both: pages are cut by (namespace, service, instance) in that order.
String = Text().with_variant(Text(collation="C"), "postgresql")
# On SQLite only INTEGER makes the key the row's own number.
Number = BigInteger().with_variant(Integer(), "sqlite")

registry_state = Table(
    "registry_state",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("revision", Number, nullable=False),
    Column("compacted_revision", Number, nullable=False),
    Column("uid", String, nullable=False),
    CheckConstraint("id = 1", name="single_row"),
    CheckConstraint(
        "compacted_revision >= 0 AND revision >= compacted_revision", name="revision_order"
    ),
)

namespaces = Table(
    "namespaces",
    metadata,
    Column("id", String, primary_key=True),
    Column("uid", String, nullable=False),
    Column("create_ms", Number, nullable=False),
    Column("revision", Number, nullable=False),
    sqlite_with_rowid=False,
)

services = Table(
    "services",
    metadata,
    Column("namespace", String, nullable=False),
    Column("service", String, nullable=False),
    Column("tombstone_ms", Number, nullable=True),
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("namespace", "service"),
    ForeignKeyConstraint(["namespace"], ["namespaces.id"]),
    sqlite_with_rowid=False,
)

instances = Table(
    "instances",
    metadata,
    Column("namespace", String, nullable=False),
    Column("service", String, nullable=False),
    Column("instance", String, nullable=False),
    Column("uid", String, nullable=False),
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("namespace", "service", "instance"),
    ForeignKeyConstraint(["namespace", "service"], ["services.namespace", "services.service"]),
    sqlite_with_rowid=False,
)
Index("ix_instances_uid", instances.c.uid, unique=True)

leases = Table(
    "leases",
    metadata,
    # The revision of the registration that took the lease: never used twice.
    Column("id", Number, primary_key=True, autoincrement=False),
    Column("renewals", Number, nullable=False),
    Column("renewed_ms", Number, nullable=False),
    Column("ttl_ms", Number, nullable=False),
    CheckConstraint("renewals >= 0 AND ttl_ms > 0", name="positive"),
    # Room in each page lets PostgreSQL renew in place, without touching the index.
    postgresql_with={"fillfactor": "50"},
)

graves = Table(
    "graves",
    metadata,
    Column("namespace", String, nullable=False),
    Column("service", String, nullable=False),
    Column("instance", String, nullable=False),
    Column("uid", String, nullable=False),
    Column("request_id", String, nullable=False),
    Column("removed_ms", Number, nullable=False),
    PrimaryKeyConstraint("namespace", "service", "instance", "uid"),
    sqlite_with_rowid=False,
)
Index("ix_graves_removed_ms", graves.c.removed_ms)

departures = Table(
    "departures",
    metadata,
    Column("address", String, nullable=False),
    Column("port", Integer, nullable=False),
    Column("namespace", String, nullable=False),
    Column("service", String, nullable=False),
    Column("left_ms", Number, nullable=False),
    PrimaryKeyConstraint("address", "port", "namespace", "service"),
    sqlite_with_rowid=False,
)
Index("ix_departures_left_ms", departures.c.left_ms)

changes = Table(
    "changes",
    metadata,
    Column("revision", Number, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("kind", String, nullable=False),
    Column("traceparent", String, nullable=False),
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("revision", "seq"),
    sqlite_with_rowid=False,
)

cells = Table(
    "cells",
    metadata,
    Column("name", String, primary_key=True),
    Column("region", String, nullable=False),
    Column("epoch", Number, nullable=False),
    Column("leader", String, nullable=False),
    Column("leader_until_ms", Number, nullable=False),
    Column("head_generation", Number, nullable=False),
    Column("head_digest", LargeBinary, nullable=False),
    Column("publish_ms", Number, nullable=False),
    CheckConstraint("epoch >= 0 AND head_generation >= 0", name="positive"),
    sqlite_with_rowid=False,
)

plans = Table(
    "plans",
    metadata,
    Column("cell", String, nullable=False),
    Column("generation", Number, nullable=False),
    Column("parent_generation", Number, nullable=False),
    Column("epoch", Number, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("service_count", Number, nullable=False),
    Column("endpoint_count", Number, nullable=False),
    Column("revision", Number, nullable=False),
    Column("create_ms", Number, nullable=False),
    Column("traceparent", String, nullable=False),
    Column("delta", LargeBinary, nullable=False),
    Column("base", LargeBinary, nullable=True),
    PrimaryKeyConstraint("cell", "generation"),
    ForeignKeyConstraint(["cell"], ["cells.name"]),
    CheckConstraint("parent_generation >= 0 AND generation > parent_generation", name="rises"),
)

Index(
    "ix_plans_base",
    plans.c.cell,
    plans.c.generation,
    sqlite_where=plans.c.base.is_not(None),
    postgresql_where=plans.c.base.is_not(None),
)

frontends = Table(
    "frontends",
    metadata,
    Column("id", String, primary_key=True),
    Column("region", String, nullable=False),
    Column("seen_ms", Number, nullable=False),
    sqlite_with_rowid=False,
)

frontend_cells = Table(
    "frontend_cells",
    metadata,
    Column("frontend", String, ForeignKey("frontends.id"), nullable=False),
    Column("cell", String, nullable=False),
    Column("epoch", Number, nullable=False),
    Column("generation", Number, nullable=False),
    Column("refused_generation", Number, nullable=False),
    Column("refusal", String, nullable=False),
    Column("time_ms", Number, nullable=False),
    PrimaryKeyConstraint("frontend", "cell"),
    sqlite_with_rowid=False,
)

held_names = Table(
    "held_names",
    metadata,
    # One row a frontend and cell, while it holds any.
    Column("frontend", String, ForeignKey("frontends.id"), nullable=False),
    Column("cell", String, nullable=False),
    Column("count", Number, nullable=False),
    Column("services", String, nullable=False),
    Column("reason", String, nullable=False),
    PrimaryKeyConstraint("frontend", "cell"),
    sqlite_with_rowid=False,
)

names = Table(
    "names",
    metadata,
    Column("cell", String, nullable=False),
    Column("namespace", String, nullable=False),
    Column("service", String, nullable=False),
    Column("servable", Number, nullable=False),
    Column("asked", Number, nullable=False),
    Column("body", LargeBinary, nullable=True),
    PrimaryKeyConstraint("cell", "namespace", "service"),
    CheckConstraint("servable >= 0 AND asked >= 0 AND asked <= 2", name="known"),
)

healings = Table(
    "healings",
    metadata,
    # A row is here for the length of a transaction: see the triggers of `names`.
    Column("cell", String, primary_key=True),
    sqlite_with_rowid=False,
)

sightings = Table(
    "sightings",
    metadata,
    Column("cell", String, primary_key=True),
    Column("epoch", Number, nullable=False),
    Column("generation", Number, nullable=False),
    sqlite_with_rowid=False,
)

refused_entries = Table(
    "refused_entries",
    metadata,
    # What the cell's leader said last, as a whole: a hundred rows at most.
    Column("cell", String, nullable=False),
    Column("namespace", String, nullable=False),
    Column("service", String, nullable=False),
    Column("rule", String, nullable=False),
    Column("reason", String, nullable=False),
    PrimaryKeyConstraint("cell", "namespace", "service"),
    sqlite_with_rowid=False,
)

freezes = Table(
    "freezes",
    metadata,
    # A cell's name, or an asterisk for all.
    Column("scope", String, primary_key=True),
    Column("reason", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("create_ms", Number, nullable=False),
    sqlite_with_rowid=False,
)

pins = Table(
    "pins",
    metadata,
    Column("cell", String, nullable=False),
    Column("generation", Number, nullable=False),
    Column("reason", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("create_ms", Number, nullable=False),
    PrimaryKeyConstraint("cell", "generation"),
    sqlite_with_rowid=False,
)

rollbacks = Table(
    "rollbacks",
    metadata,
    Column("cell", String, nullable=False),
    Column("generation", Number, nullable=False),
    Column("replaced_generation", Number, nullable=False),
    Column("restored_generation", Number, nullable=False),
    Column("reason", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("create_ms", Number, nullable=False),
    PrimaryKeyConstraint("cell", "generation"),
    sqlite_with_rowid=False,
)

canaries = Table(
    "canaries",
    metadata,
    Column("frontend", String, ForeignKey("frontends.id"), primary_key=True),
    sqlite_with_rowid=False,
)

stage_reports = Table(
    "stage_reports",
    metadata,
    Column("namespace", String, nullable=False),
    Column("service", String, nullable=False),
    Column("frontend", String, nullable=False),
    Column("stage", String, nullable=False),
    # What the canary found wrong; empty while it vouches for the change.
    Column("fault", String, nullable=False),
    # How often it spoke of this stage: that this rises shows that it lives.
    Column("words", Number, nullable=False),
    PrimaryKeyConstraint("namespace", "service", "frontend"),
    sqlite_with_rowid=False,
)

tracks = Table(
    "tracks",
    metadata,
    Column("cell", String, nullable=False),
    # Both empty: the cell as a whole.
    Column("namespace", String, nullable=False),
    Column("service", String, nullable=False),
    Column("write_ms", Number, nullable=False),
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("cell", "namespace", "service"),
    sqlite_with_rowid=False,
)

audit = Table(
    "audit",
    metadata,
    Column("uid", String, primary_key=True),
    Column("act", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("cell", String, nullable=False),
    # Empty where it was done at a registry.
    Column("frontend", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("detail", String, nullable=False),
    Column("generation", Number, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("act_ms", Number, nullable=False),
    Column("receive_ms", Number, nullable=False),
    sqlite_with_rowid=False,
)

observers = Table(
    "observers",
    metadata,
    # One row an observer that lives, and no more: the leader deletes the others.
    Column("cell", String, nullable=False),
    Column("observer", String, nullable=False),
    Column("region", String, nullable=False),
    Column("beat", Number, nullable=False),
    Column("version", Number, nullable=False),
    Column("findings", LargeBinary, nullable=False),
    Column("seen_ms", Number, nullable=False),
    Column("quarantine_ms", Number, nullable=False),
    Column("why", String, nullable=False),
    PrimaryKeyConstraint("cell", "observer"),
    sqlite_with_rowid=False,
)

# A plan in use: the head's, a pinned one's, and the links that these are read by.
_IN_USE = (
    "EXISTS (SELECT 1 FROM (SELECT head_generation AS used FROM cells WHERE name = OLD.cell"
    " UNION ALL SELECT generation FROM pins WHERE cell = OLD.cell) AS u"
    " WHERE u.used >= OLD.generation AND OLD.generation >= COALESCE((SELECT MAX(b.generation)"
    " FROM plans b WHERE b.cell = OLD.cell AND b.base IS NOT NULL AND b.generation <= u.used), 0))"
)
Index("ix_audit_receive_ms_uid", audit.c.receive_ms, audit.c.uid)

for _dialect, _statements in (("sqlite", SQLITE_TRIGGERS), ("postgresql", POSTGRESQL_TRIGGERS)):
    for _statement in _statements:
        _ddl = DDL(_statement)  # type: ignore[no-untyped-call]  # SQLAlchemy left it untyped
        event.listen(metadata, "after_create", _ddl.execute_if(dialect=_dialect))
