"""An owner of an instance: registers it, renews its lease, drains it, takes it out, dies.

It is what any client must be that speaks to the registry: it tries another node when one
does not answer, repeats a registration under the same request id, and registers anew when it
is told that its lease is no more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, Protocol
from uuid import UUID

from proof.system.node import Node
from registry.app.registrar import Registered
from registry.domain.admission import Draft
from registry.domain.check_admission import DraftCheck
from registry.domain.errors import RegistryError, Retryable

PAUSE_SECONDS = 0.3
"""Between two tries of anything."""


class Caller(Protocol):
    """Calls a method of some node over the network."""

    async def __call__(self, work: Callable[[Node], Awaitable[Any]]) -> Any:
        """What it returns, or raises; TimeoutError when nothing comes back."""
        ...


class Owner:
    """One life of an owner. `address` is its instance's, and nobody else's."""

    def __init__(
        self,
        name: str,
        service: str,
        region: str,
        address: str,
        call: Caller,
        random: Random,
        ttl_seconds: float,
    ) -> None:
        self.address = address
        self.service = service
        self.is_drained = False
        self.is_leaving = False
        self._name = name
        self.region = region
        self._call = call
        self._random = random
        self._ttl_seconds = ttl_seconds
        self._changed = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Owner {self._name} of {self.service} at {self.address}>"

    def drain(self) -> None:
        """Have no new clients sent to it."""
        self.is_drained = True
        self._changed.set()

    def leave(self) -> None:
        """Take it out in good order."""
        self.is_leaving = True
        self._changed.set()

    async def live(self) -> None:
        """Register, and stay registered, until it is to leave."""
        while not self.is_leaving:
            registered = await self._register()
            if registered is not None:
                await self._renew(registered)

    async def _register(self) -> Registered | None:
        draft = Draft(
            parent=f"namespaces/shop/services/{self.service}",
            instance_id=self._name,
            region=self.region,
            addresses=(self.address,),
            check=DraftCheck(kind="none"),
            ttl_seconds=self._ttl_seconds,
            request_id=str(UUID(int=self._random.getrandbits(128), version=4)),
        )
        while not self.is_leaving:
            try:
                registered: Registered = await self._call(
                    lambda node: node.registrar.register(draft)
                )
                return registered
            except (Retryable, TimeoutError):
                await asyncio.sleep(PAUSE_SECONDS * (0.5 + self._random.random()))
            except RegistryError:
                # taken out meanwhile, or superseded: under another request id it may be had
                await asyncio.sleep(PAUSE_SECONDS)
                return None
        return None

    async def _renew(self, registered: Registered) -> None:
        """Keep the lease until it is lost, or the instance is to leave."""
        uid, key = registered.instance.incarnation, registered.instance.key
        pause = registered.renewal_interval_seconds
        is_drained = False
        while not self.is_leaving:
            try:
                async with asyncio.timeout(pause):
                    await self._changed.wait()
                self._changed.clear()
            except TimeoutError:
                pass
            try:
                if self.is_drained and not is_drained:
                    await self._call(lambda node: node.registrar.drain(key, uid))
                    is_drained = True
                renewal = await self._call(lambda node: node.heartbeats.renew([uid]))
                if renewal.refusals:
                    return
                pause = renewal.renewal_interval_seconds
            except (Retryable, TimeoutError):
                pause = PAUSE_SECONDS * (0.5 + self._random.random())
            except RegistryError:
                return
        while True:
            try:
                await self._call(lambda node: node.registrar.deregister(key, uid))
            except (Retryable, TimeoutError):
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            except RegistryError:
                pass
            return
