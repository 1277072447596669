"""Which frontends are canaries, and what they say of staged changes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# As in registry.adapters.store.schema on the day of this step; a step never changes after.
String = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the two tables."""
    op.create_table(
        "canaries",
        sa.Column("frontend", String, nullable=False),
        sa.PrimaryKeyConstraint("frontend", name="pk_canaries"),
        sa.ForeignKeyConstraint(["frontend"], ["frontends.id"], name=op.f("fk_canaries_frontends")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "stage_reports",
        sa.Column("namespace", String, nullable=False),
        sa.Column("service", String, nullable=False),
        sa.Column("frontend", String, nullable=False),
        sa.Column("stage", String, nullable=False),
        sa.Column("fault", String, nullable=False),
        sa.Column("words", Number, nullable=False),
        sa.PrimaryKeyConstraint("namespace", "service", "frontend", name="pk_stage_reports"),
        sqlite_with_rowid=False,
    )
