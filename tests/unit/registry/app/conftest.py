"""A node on a store in memory and a clock turned by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from instance_node import GatedStore, Node, running

from registry.adapters.clock import ManualClock
from registry.adapters.probe.scripted import ScriptedProber


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def prober(clock: ManualClock) -> ScriptedProber:
    return ScriptedProber(clock)


@pytest.fixture
def store(clock: ManualClock) -> GatedStore:
    return GatedStore(clock)


@pytest.fixture
async def node(store: GatedStore, clock: ManualClock) -> AsyncIterator[Node]:
    async with running(Node(store, clock)) as started:
        yield started
