"""A database has an id of its own, the same at every node and after every start."""

from __future__ import annotations

from registry.ports import Store


async def test_the_id_of_a_database_stays(store: Store) -> None:
    first = await store.uid()
    assert len(first) == 36
    assert await store.uid() == first
