"""Who probes the endpoints of a cell, and what each finds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# As in registry.adapters.store.schema on the day of this step; a step never changes after.
String = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "observers",
        sa.Column("cell", String, nullable=False),
        sa.Column("observer", String, nullable=False),
        sa.Column("region", String, nullable=False),
        sa.Column("beat", Number, nullable=False),
        sa.Column("version", Number, nullable=False),
        sa.Column("findings", sa.LargeBinary(), nullable=False),
        sa.Column("seen_ms", Number, nullable=False),
        sa.Column("quarantine_ms", Number, nullable=False),
        sa.Column("why", String, nullable=False),
        sa.PrimaryKeyConstraint("cell", "observer", name="pk_observers"),
        sqlite_with_rowid=False,
    )
