"""The registration's face for plain threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest
from scripted_registry import LEASE_EXPIRED, SUPERSEDED, ScriptedRegistry

from sheetanchor.client import Registration, RegistryUnreachable, Status, SyncRegistration


class ThreadedRegistry:
    """A scripted registry in an event loop of its own, as in another process."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self.scripted: ScriptedRegistry = self.do(self._make())

    async def _make(self) -> ScriptedRegistry:
        return await ScriptedRegistry().start()

    def do(self, coroutine: Any) -> Any:
        """Run something in its loop."""
        future: Future[Any] = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        return future.result(60)

    def until(self, condition: Callable[[], object]) -> None:
        """Wait until `condition` holds."""
        self.do(self.scripted.until(condition))

    def close(self) -> None:
        """Stop it."""
        self.do(self.scripted.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)


@pytest.fixture
def registry() -> Iterator[ThreadedRegistry]:
    """A registry that grants everything."""
    threaded = ThreadedRegistry()
    yield threaded
    threaded.close()


def registration(address: str, **wishes: Any) -> SyncRegistration:
    wishes = {"drain_seconds": 0.0, "instance": "a"} | wishes
    return Registration(
        "checkout", region="east", addresses="127.0.0.1", registries=address, **wishes
    ).sync()


def test_a_plain_thread_holds_a_lease_while_its_block_runs(registry: ThreadedRegistry) -> None:
    scripted = registry.scripted
    with registration(scripted.address) as held:
        assert held.status is Status.REGISTERED
        assert held.uid == "uid-1"
        registry.until(lambda: len(scripted.beats) > 2)
        assert repr(held).startswith("SyncRegistration('namespaces/default/services/checkout")
    assert scripted.calls[-1] == "DeregisterInstance uid-1"
    assert not [t for t in threading.enumerate() if t.name.startswith("lease of")]


def test_any_thread_may_say_that_the_instance_cannot_serve(registry: ThreadedRegistry) -> None:
    scripted = registry.scripted
    with registration(scripted.address) as held:
        held.set_serving(False)
        registry.until(lambda: any(beat.not_serving_uids for beat in scripted.beats))


def test_a_lost_lease_is_registered_anew_without_the_thread_noticing(
    registry: ThreadedRegistry,
) -> None:
    scripted = registry.scripted
    scripted.refuse["uid-1"] = LEASE_EXPIRED
    with registration(scripted.address) as held:
        registry.until(lambda: held.uid == "uid-2")


def test_a_thread_can_wait_for_the_end(registry: ThreadedRegistry) -> None:
    scripted = registry.scripted
    with registration(scripted.address) as held:
        assert held.wait_ended(0.01) is False
        scripted.refuse["uid-1"] = SUPERSEDED
        assert held.wait_ended(30) is True
        assert held.status is Status.SUPERSEDED


def test_entering_raises_when_no_registry_answers_and_leaves_no_thread() -> None:
    with (
        pytest.raises(RegistryUnreachable),
        registration("127.0.0.1:1", wait_seconds=0.2),
    ):
        pytest.fail("entered without a registration")
    assert not [t for t in threading.enumerate() if t.name.startswith("lease of")]
