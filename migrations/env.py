"""What Alembic runs: it migrates over the connection that it is handed."""

from __future__ import annotations

from alembic import context

from registry.adapters.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite can undo DDL as well: a migration that fails half-way leaves nothing behind.
    transactional_ddl=True,
    # SQLite changes a table by making it anew.
    render_as_batch=True,
)

with context.begin_transaction():
    context.run_migrations()
