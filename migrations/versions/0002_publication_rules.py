"""What the database holds of names, pins, freezes and rollbacks, and its own rules on them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# As in registry.adapters.store.schema on the day of this step; a step never changes after.
String = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

IN_USE = (
    "EXISTS (SELECT 1 FROM (SELECT head_generation AS used FROM cells WHERE name = OLD.cell"
    " UNION ALL SELECT generation FROM pins WHERE cell = OLD.cell) AS u"
    " WHERE u.used >= OLD.generation AND OLD.generation >= COALESCE((SELECT MAX(b.generation)"
    " FROM plans b WHERE b.cell = OLD.cell AND b.base IS NOT NULL AND b.generation <= u.used), 0))"
)
NOT_HEALING = "NOT EXISTS (SELECT 1 FROM healings WHERE cell = OLD.cell)"
EMPTIED = (
    "OLD.servable > 0 AND NEW.servable = 0 AND (NEW.asked = 0 OR (NEW.asked = 1 AND NOT EXISTS"
    " (SELECT 1 FROM services s WHERE s.namespace = OLD.namespace AND s.service = OLD.service"
    f" AND s.tombstone_ms IS NOT NULL))) AND {NOT_HEALING}"
)
VANISHED = f"OLD.servable > 0 AND {NOT_HEALING}"
RULES = (
    ("plans_in_use", "plans", "DELETE", IN_USE, "OLD", "a plan in use is not deleted"),
    (
        "names_never_empty",
        "names",
        "UPDATE",
        EMPTIED,
        "NEW",
        "a name loses its last endpoint without a tombstone",
    ),
    (
        "names_never_vanish",
        "names",
        "DELETE",
        VANISHED,
        "OLD",
        "a name with endpoints vanishes without a tombstone",
    ),
)


def upgrade() -> None:
    """Make the tables, an index, and the triggers."""
    op.create_table(
        "names",
        sa.Column("cell", String, nullable=False),
        sa.Column("namespace", String, nullable=False),
        sa.Column("service", String, nullable=False),
        sa.Column("servable", Number, nullable=False),
        sa.Column("asked", Number, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=True),
        sa.PrimaryKeyConstraint("cell", "namespace", "service", name="pk_names"),
        sa.CheckConstraint(
            "servable >= 0 AND asked >= 0 AND asked <= 2", name=op.f("ck_names_known")
        ),
    )
    op.create_table(
        "healings",
        sa.Column("cell", String, nullable=False),
        sa.PrimaryKeyConstraint("cell", name="pk_healings"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sightings",
        sa.Column("cell", String, nullable=False),
        sa.Column("epoch", Number, nullable=False),
        sa.Column("generation", Number, nullable=False),
        sa.PrimaryKeyConstraint("cell", name="pk_sightings"),
        sqlite_with_rowid=False,
    )
    _make_controls()
    op.create_index(
        "ix_plans_base",
        "plans",
        ["cell", "generation"],
        sqlite_where=sa.text("base IS NOT NULL"),
        postgresql_where=sa.text("base IS NOT NULL"),
    )
    _make_triggers()


def _make_controls() -> None:
    op.create_table(
        "freezes",
        sa.Column("scope", String, nullable=False),
        sa.Column("reason", String, nullable=False),
        sa.Column("actor", String, nullable=False),
        sa.Column("create_ms", Number, nullable=False),
        sa.PrimaryKeyConstraint("scope", name="pk_freezes"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "pins",
        sa.Column("cell", String, nullable=False),
        sa.Column("generation", Number, nullable=False),
        sa.Column("reason", String, nullable=False),
        sa.Column("actor", String, nullable=False),
        sa.Column("create_ms", Number, nullable=False),
        sa.PrimaryKeyConstraint("cell", "generation", name="pk_pins"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "rollbacks",
        sa.Column("cell", String, nullable=False),
        sa.Column("generation", Number, nullable=False),
        sa.Column("replaced_generation", Number, nullable=False),
        sa.Column("restored_generation", Number, nullable=False),
        sa.Column("reason", String, nullable=False),
        sa.Column("actor", String, nullable=False),
        sa.Column("create_ms", Number, nullable=False),
        sa.PrimaryKeyConstraint("cell", "generation", name="pk_rollbacks"),
        sqlite_with_rowid=False,
    )


def _make_triggers() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for name, table, action, condition, result, message in RULES:
        if is_sqlite:
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {action} ON {table} WHEN {condition}"
                f" BEGIN SELECT RAISE(ABORT, '{message}'); END"
            )
            continue
        op.execute(
            f"CREATE FUNCTION sheetanchor_{name}() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN IF {condition} THEN RAISE integrity_constraint_violation"
            f" USING MESSAGE = '{message}'; END IF; RETURN {result}; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {action} ON {table} FOR EACH ROW"
            f" EXECUTE FUNCTION sheetanchor_{name}()"
        )
