"""Versions of the database's schema, as an Alembic environment without an ini file.

`registry.adapters.store.schema_version` runs them. A migration comes in two parts: one that
only adds, released before the code that needs it; one that takes away, released after.
"""
