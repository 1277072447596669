"""Why a service's entry is not published, for operators to read at any node."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# As in registry.adapters.store.schema on the day of this step; a step never changes after.
String = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "refused_entries",
        sa.Column("cell", String, nullable=False),
        sa.Column("namespace", String, nullable=False),
        sa.Column("service", String, nullable=False),
        sa.Column("rule", String, nullable=False),
        sa.Column("reason", String, nullable=False),
        sa.PrimaryKeyConstraint("cell", "namespace", "service", name="pk_refused_entries"),
        sqlite_with_rowid=False,
    )
