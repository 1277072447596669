"""Random histories end the same on every store: how it keeps things makes no difference."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from registry.adapters.clock import ManualClock
from registry.adapters.store.factory import migrate, open_store
from registry.adapters.store.memory import MemoryStore
from registry.domain.change import Change, ServicePut, ServiceRemoved
from registry.domain.errors import RegistryError
from registry.domain.health import Evidence, Health
from registry.domain.instance import Check, CheckKind, Port, Registration
from registry.domain.names import (
    CellName,
    Incarnation,
    InstanceId,
    InstanceKey,
    NamespaceId,
    RegionName,
    Revision,
    ServiceId,
)
from registry.domain.operation import (
    CreateService,
    DeleteService,
    Deregister,
    Drain,
    Expire,
    Judge,
    Reap,
    Refused,
    Register,
    UpdateService,
)
from registry.domain.service import ServicePolicy
from registry.ports import Store

KEYS = [
    InstanceKey(NamespaceId("n"), ServiceId(service), InstanceId(instance))
    for service, instance in (("a", "x"), ("a", "y"), ("b", "x"))
]
UIDS = [Incarnation(f"u{number}") for number in range(4)]
keys, uids = st.sampled_from(KEYS), st.sampled_from(UIDS)


@st.composite
def registrations(draw: st.DrawFn) -> Register:
    """Registrations of few instances, that repeat, replace and contradict each other."""
    check = Check(draw(st.sampled_from(CheckKind)), 80)
    address = draw(st.sampled_from(["192.0.2.1", "192.0.2.2"]))
    registration = Registration(
        draw(keys), CellName("c"), RegionName("r"), "", (address,), (Port("p", 80),), 0, 1, {},
        check, 15.0,
    )  # fmt: skip
    return Register(registration, Incarnation("filled in"), draw(st.sampled_from(["", "r1", "r2"])))


operations = st.one_of(
    registrations(),
    st.builds(Deregister, keys, uids),
    st.builds(Drain, keys, uids),
    st.builds(Expire, keys, uids, st.integers(0, 2)),
    st.builds(Reap, keys, uids),
    st.builds(Judge, keys, uids, st.sampled_from(Health), st.sampled_from(Evidence)),
)
services = st.sampled_from([key.service_key for key in KEYS])
policies = st.sampled_from([None, ServicePolicy(7)])
etags = st.sampled_from(["", "r1", "r5"])
edits = st.one_of(
    st.builds(CreateService, services, policies, st.sampled_from(["s1", "s2"])),
    st.builds(UpdateService, services, policies, etags),
    st.builds(DeleteService, services, etags, st.booleans()),
)
renewals = st.lists(st.integers(1, 12), max_size=4)
steps = st.lists(
    st.one_of(st.lists(operations, min_size=1, max_size=4), edits, renewals.map(tuple)),
    max_size=14,
)


async def play(store: Store, clock: ManualClock, history: list[Any]) -> list[Any]:
    """Everything that a store answers to a history, and what it holds after it."""
    told: list[Any] = []
    registered = 0
    await store.open()
    try:
        for step in history:
            clock.wall_ms += 1000
            if isinstance(step, list):
                numbered = []
                for operation in step:
                    if isinstance(operation, Register):
                        # Few enough uids to be named by later operations, and each only once.
                        uid = f"u{registered}"
                        operation = replace(operation, incarnation=Incarnation(uid))
                        registered += 1
                    numbered.append(operation)
                applied = await store.apply(numbered)
                told.append([word(outcome) for outcome in applied.outcomes])
                told.append([anonymous(change) for change in applied.changes])
            elif isinstance(step, tuple):
                told.append(await store.renew(step))
            else:
                try:
                    _, changes, revision = await store.edit_service(step)
                    told.append(([anonymous(change) for change in changes], revision))
                except RegistryError as error:
                    told.append(type(error))
        state = await store.state()
        told.append((list(state.instances), dict(state.renewals)))
        told.append([replace(service, uid="") for service in state.services])
        told.append([anonymous(c) for c in await store.changes_after(Revision(0), 1000)])
    finally:
        await store.close()
    return told


def word(outcome: object) -> object:
    """An outcome that can be compared."""
    return type(outcome.error) if isinstance(outcome, Refused) else outcome


def anonymous(change: Change) -> Change:
    """A change without the uid of a service, which each registry makes for itself."""
    if isinstance(change, (ServicePut, ServiceRemoved)):
        return replace(change, service=replace(change.service, uid=""))
    return change


@settings(max_examples=60, deadline=None)
@given(steps)
def test_sqlite_answers_any_history_as_memory_does(history: list[Any]) -> None:
    """Outcomes, changes, leases and state, step by step."""

    async def both() -> None:
        memory_clock, sqlite_clock = ManualClock(), ManualClock()
        wanted = await play(MemoryStore(memory_clock), memory_clock, history)
        with tempfile.TemporaryDirectory() as place:
            await migrate("", Path(place))
            store = open_store("", Path(place), sqlite_clock)
            assert await play(store, sqlite_clock, history) == wanted

    asyncio.run(both())
