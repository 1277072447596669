"""What a frontend goes on answering though a generation lost it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# As in registry.adapters.store.schema on the day of this step; a step never changes after.
String = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "held_names",
        sa.Column("frontend", String, nullable=False),
        sa.Column("cell", String, nullable=False),
        sa.Column("count", Number, nullable=False),
        sa.Column("services", String, nullable=False),
        sa.Column("reason", String, nullable=False),
        sa.PrimaryKeyConstraint("frontend", "cell", name="pk_held_names"),
        sa.ForeignKeyConstraint(
            ["frontend"], ["frontends.id"], name=op.f("fk_held_names_frontends")
        ),
        sqlite_with_rowid=False,
    )
