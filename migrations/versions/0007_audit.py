"""What was done by hand: by operators, and to frontends while nobody could be asked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# As in registry.adapters.store.schema on the day of this step; a step never changes after.
String = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "audit",
        sa.Column("uid", String, nullable=False),
        sa.Column("act", String, nullable=False),
        sa.Column("subject", String, nullable=False),
        sa.Column("cell", String, nullable=False),
        sa.Column("frontend", String, nullable=False),
        sa.Column("actor", String, nullable=False),
        sa.Column("reason", String, nullable=False),
        sa.Column("detail", String, nullable=False),
        sa.Column("generation", Number, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("act_ms", Number, nullable=False),
        sa.Column("receive_ms", Number, nullable=False),
        sa.PrimaryKeyConstraint("uid", name="pk_audit"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_audit_receive_ms_uid", "audit", ["receive_ms", "uid"])
