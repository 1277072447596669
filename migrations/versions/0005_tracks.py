"""What has left each name's answers lately, so that budgets outlive their leader."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# As in registry.adapters.store.schema on the day of this step; a step never changes after.
String = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "tracks",
        sa.Column("cell", String, nullable=False),
        sa.Column("namespace", String, nullable=False),
        sa.Column("service", String, nullable=False),
        sa.Column("write_ms", Number, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("cell", "namespace", "service", name="pk_tracks"),
        sqlite_with_rowid=False,
    )
