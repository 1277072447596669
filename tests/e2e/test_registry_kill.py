"""kill -9 of a registry, again and again, under load: its word outlives it.

Rounds: a few by default; `KILL_ROUNDS=200 make test ARGS=tests/e2e/test_registry_kill.py`.
"""

from __future__ import annotations

import asyncio
import os
import random

import pytest
from churn import Churn
from installation import Installation, Server, instances

from benchmarks.process import wait_for
from sheetanchor.v1 import instance_pb2

ROUNDS = int(os.environ.get("KILL_ROUNDS", "12"))
TTL_SECONDS = 8
"""Long for a test: between two rounds nobody renews, however long a busy machine makes that."""
SEED = int(os.environ.get("KILL_SEED", "20251019"))

ACTIVE = instance_pb2.Instance.STATE_ACTIVE


@pytest.fixture(params=["sqlite", "postgresql"])
def registry(request: pytest.FixtureRequest, installation: Installation) -> Server:
    """A registry on each kind of database; the database itself lives on."""
    url = request.getfixturevalue("postgresql_database") if request.param != "sqlite" else ""
    found = installation.registry("registry", "east", database_url=url)
    found.start()
    return found


@pytest.mark.timeout(300 + ROUNDS * 15)
async def test_acknowledged_registrations_outlive_kill_9_and_no_lease_expires_early(
    registry: Server,
) -> None:
    """After each restart: all that was acknowledged is there and active, and what left is gone."""
    chance = random.Random(SEED)
    churn = Churn(registry.address, TTL_SECONDS, SEED)
    book = churn.book
    for number in range(ROUNDS):
        known = len(book.alive)
        async with churn.working():
            await churn.until(lambda known=known: len(book.alive) > known + 5)
            await asyncio.sleep(chance.random() * 0.25)
            registry.kill()
        await asyncio.to_thread(registry.start)

        found = await asyncio.to_thread(instances, registry)
        standing = {name: (i.uid, i.state) for name, i in found.items()}
        lost = {name for name, uid in book.alive.items() if standing.get(name) != (uid, ACTIVE)}
        assert lost == set(), f"round {number}: acknowledged, yet not there or expired"
        risen = {name for name, uid in book.gone.items() if standing.get(name, ("",))[0] == uid}
        assert risen == set(), f"round {number}: deregistered, yet there"
        others = standing.keys() - book.alive.keys() - book.unsure.keys() - book.leaving.keys()
        assert others == set(), f"round {number}: nobody asked for these"
        await churn.settle()
        assert book.refused == [], f"round {number}: a lease ended although it was kept up"
    assert book.renewals > 0
    assert book.gone


async def test_lease_that_nobody_renews_does_end_after_a_restart(registry: Server) -> None:
    """The grace that a restart gives is one TTL, not for ever."""
    churn = Churn(registry.address, 1, SEED)
    async with churn.working():
        await churn.until(lambda: len(churn.book.alive) > 5)
    await asyncio.to_thread(registry.restart)
    names = set(churn.book.alive)

    def all_expired() -> bool:
        found = instances(registry)
        return all(found[name].state == instance_pb2.Instance.STATE_EXPIRED for name in names)

    await asyncio.to_thread(wait_for, "all leases ended", all_expired)
