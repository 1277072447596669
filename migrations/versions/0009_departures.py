"""Which places were left lately, and by whose instances."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# As in registry.adapters.store.schema on the day of this step; a step never changes after.
String = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "departures",
        sa.Column("address", String, nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("namespace", String, nullable=False),
        sa.Column("service", String, nullable=False),
        sa.Column("left_ms", Number, nullable=False),
        sa.PrimaryKeyConstraint("address", "port", "namespace", "service", name="pk_departures"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_departures_left_ms", "departures", ["left_ms"])
