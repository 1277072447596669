"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# As in registry.adapters.store.schema on the day of this step; a step never changes after.
String = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make all tables."""
    op.create_table(
        "registry_state",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("revision", Number, nullable=False),
        sa.Column("compacted_revision", Number, nullable=False),
        sa.Column("uid", String, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_registry_state"),
        sa.CheckConstraint("id = 1", name=op.f("ck_registry_state_single_row")),
        sa.CheckConstraint(
            "compacted_revision >= 0 AND revision >= compacted_revision",
            name=op.f("ck_registry_state_revision_order"),
        ),
    )
    _make_catalog()
    _make_history()
    _make_publication()
    _make_triggers()


def _make_catalog() -> None:
    op.create_table(
        "namespaces",
        sa.Column("id", String, nullable=False),
        sa.Column("uid", String, nullable=False),
        sa.Column("create_ms", Number, nullable=False),
        sa.Column("revision", Number, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_namespaces"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "services",
        sa.Column("namespace", String, nullable=False),
        sa.Column("service", String, nullable=False),
        sa.Column("tombstone_ms", Number, nullable=True),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("namespace", "service", name="pk_services"),
        sa.ForeignKeyConstraint(["namespace"], ["namespaces.id"], name="fk_services_namespaces"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "instances",
        sa.Column("namespace", String, nullable=False),
        sa.Column("service", String, nullable=False),
        sa.Column("instance", String, nullable=False),
        sa.Column("uid", String, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("namespace", "service", "instance", name="pk_instances"),
        sa.ForeignKeyConstraint(
            ["namespace", "service"],
            ["services.namespace", "services.service"],
            name="fk_instances_services",
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_instances_uid", "instances", ["uid"], unique=True)
    op.create_table(
        "leases",
        sa.Column("id", Number, autoincrement=False, nullable=False),
        sa.Column("renewals", Number, nullable=False),
        sa.Column("renewed_ms", Number, nullable=False),
        sa.Column("ttl_ms", Number, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_leases"),
        sa.CheckConstraint("renewals >= 0 AND ttl_ms > 0", name=op.f("ck_leases_positive")),
        postgresql_with={"fillfactor": "50"},
    )


def _make_history() -> None:
    op.create_table(
        "graves",
        sa.Column("namespace", String, nullable=False),
        sa.Column("service", String, nullable=False),
        sa.Column("instance", String, nullable=False),
        sa.Column("uid", String, nullable=False),
        sa.Column("request_id", String, nullable=False),
        sa.Column("removed_ms", Number, nullable=False),
        sa.PrimaryKeyConstraint("namespace", "service", "instance", "uid", name="pk_graves"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_graves_removed_ms", "graves", ["removed_ms"])
    op.create_table(
        "changes",
        sa.Column("revision", Number, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("kind", String, nullable=False),
        sa.Column("traceparent", String, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("revision", "seq", name="pk_changes"),
        sqlite_with_rowid=False,
    )


def _make_publication() -> None:
    op.create_table(
        "cells",
        sa.Column("name", String, nullable=False),
        sa.Column("region", String, nullable=False),
        sa.Column("epoch", Number, nullable=False),
        sa.Column("leader", String, nullable=False),
        sa.Column("leader_until_ms", Number, nullable=False),
        sa.Column("head_generation", Number, nullable=False),
        sa.Column("head_digest", sa.LargeBinary, nullable=False),
        sa.Column("publish_ms", Number, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_cells"),
        sa.CheckConstraint("epoch >= 0 AND head_generation >= 0", name=op.f("ck_cells_positive")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "plans",
        sa.Column("cell", String, nullable=False),
        sa.Column("generation", Number, nullable=False),
        sa.Column("parent_generation", Number, nullable=False),
        sa.Column("epoch", Number, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("service_count", Number, nullable=False),
        sa.Column("endpoint_count", Number, nullable=False),
        sa.Column("revision", Number, nullable=False),
        sa.Column("create_ms", Number, nullable=False),
        sa.Column("traceparent", String, nullable=False),
        sa.Column("delta", sa.LargeBinary, nullable=False),
        sa.Column("base", sa.LargeBinary, nullable=True),
        sa.PrimaryKeyConstraint("cell", "generation", name="pk_plans"),
        sa.ForeignKeyConstraint(["cell"], ["cells.name"], name="fk_plans_cells"),
        sa.CheckConstraint(
            "parent_generation >= 0 AND generation > parent_generation", name=op.f("ck_plans_rises")
        ),
    )
    op.create_table(
        "frontends",
        sa.Column("id", String, nullable=False),
        sa.Column("region", String, nullable=False),
        sa.Column("seen_ms", Number, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_frontends"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "frontend_cells",
        sa.Column("frontend", String, nullable=False),
        sa.Column("cell", String, nullable=False),
        sa.Column("epoch", Number, nullable=False),
        sa.Column("generation", Number, nullable=False),
        sa.Column("refused_generation", Number, nullable=False),
        sa.Column("refusal", String, nullable=False),
        sa.Column("time_ms", Number, nullable=False),
        sa.PrimaryKeyConstraint("frontend", "cell", name="pk_frontend_cells"),
        sa.ForeignKeyConstraint(["frontend"], ["frontends.id"], name="fk_frontend_cells_frontends"),
        sqlite_with_rowid=False,
    )


def _make_triggers() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE TRIGGER cells_only_rise BEFORE UPDATE ON cells"
            " WHEN NEW.epoch < OLD.epoch OR NEW.head_generation < OLD.head_generation"
            " BEGIN SELECT RAISE(ABORT, 'a cell never goes back'); END"
        )
        op.execute(
            "CREATE TRIGGER plans_never_change BEFORE UPDATE ON plans"
            " BEGIN SELECT RAISE(ABORT, 'a plan never changes'); END"
        )
        return
    op.execute(
        "CREATE FUNCTION sheetanchor_refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE integrity_constraint_violation USING MESSAGE = TG_ARGV[0]; END $$"
    )
    op.execute(
        "CREATE TRIGGER cells_only_rise BEFORE UPDATE ON cells FOR EACH ROW"
        " WHEN (NEW.epoch < OLD.epoch OR NEW.head_generation < OLD.head_generation)"
        " EXECUTE FUNCTION sheetanchor_refuse('a cell never goes back')"
    )
    op.execute(
        "CREATE TRIGGER plans_never_change BEFORE UPDATE ON plans FOR EACH ROW"
        " EXECUTE FUNCTION sheetanchor_refuse('a plan never changes')"
    )
