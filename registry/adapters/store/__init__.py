"""The store: the registry's tables, on SQLite and PostgreSQL, and a fake in memory.

Translates and transacts; what an operation does is decided by `registry.domain`.
"""
