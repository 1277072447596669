"""A plan is written under its cell's epoch, or not at all."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

CONDITION = "NEW.epoch <> (SELECT c.epoch FROM cells c WHERE c.name = NEW.cell)"
MESSAGE = "a deposed leader publishes nothing"


def upgrade() -> None:
    """Make the trigger."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER plans_in_epoch BEFORE INSERT ON plans WHEN {CONDITION}"
            f" BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
        )
        return
    op.execute(
        "CREATE FUNCTION sheetanchor_plans_in_epoch() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN IF {CONDITION} THEN RAISE integrity_constraint_violation"
        f" USING MESSAGE = '{MESSAGE}'; END IF; RETURN NEW; END $$"
    )
    op.execute(
        "CREATE TRIGGER plans_in_epoch BEFORE INSERT ON plans FOR EACH ROW"
        " EXECUTE FUNCTION sheetanchor_plans_in_epoch()"
    )
