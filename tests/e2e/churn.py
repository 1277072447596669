"""A stream of registrations, renewals and farewells, and the book of what was acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import grpc
from google.protobuf.duration_pb2 import Duration

from sheetanchor.v1 import (
    instance_pb2,
    registration_service_pb2,
    registration_service_pb2_grpc,
)


@dataclass
class Book:
    """What the registry gave its word on."""

    alive: dict[str, str] = field(default_factory=dict)
    """Name to uid: registered, acknowledged, heartbeating."""
    gone: dict[str, str] = field(default_factory=dict)
    """Name to uid: deregistration acknowledged."""
    unsure: dict[str, registration_service_pb2.RegisterInstanceRequest] = field(
        default_factory=dict
    )
    """Asked for, never answered: may be there or not, but not twice."""
    leaving: dict[str, str] = field(default_factory=dict)
    """Asked to be taken out, never answered."""
    refused: list[str] = field(default_factory=list)
    """Renewals refused although the registry had given its word: must stay empty."""
    renewals: int = 0


class Churn:
    """Works against one registry for as long as it answers."""

    def __init__(self, address: str, ttl_seconds: int, seed: int) -> None:
        self.address = address
        self.book = Book()
        self._ttl = Duration(seconds=ttl_seconds)
        self._numbers = itertools.count()
        self._random = random.Random(seed)
        self._progress = asyncio.Event()

    @contextlib.asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Keep calling while inside; the registry may die at any time meanwhile."""
        async with grpc.aio.insecure_channel(self.address) as channel:
            stub = registration_service_pb2_grpc.RegistrationServiceStub(channel)
            workers = [self._register, self._register, self._deregister]
            tasks = [asyncio.create_task(self._until_it_dies(work, stub)) for work in workers]
            tasks.append(asyncio.create_task(self._renew(stub)))
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                for ended in await asyncio.gather(*tasks, return_exceptions=True):
                    if isinstance(ended, Exception):
                        raise ended

    async def until(self, true: Callable[[], object], seconds: float = 90.0) -> None:
        """Let it work until `true()`, looked at whenever a registration is acknowledged."""
        async with asyncio.timeout(seconds):
            while not true():
                self._progress.clear()
                await self._progress.wait()

    async def settle(self) -> None:
        """Ask again what was never answered; the registry is up, so now it is answered."""
        async with grpc.aio.insecure_channel(self.address) as channel:
            stub = registration_service_pb2_grpc.RegistrationServiceStub(channel)
            for name, request in list(self.book.unsure.items()):
                answer = await stub.RegisterInstance(request, timeout=60)
                assert answer.instance.name == name
                self.book.alive[name] = answer.instance.uid
                del self.book.unsure[name]
            for name, uid in list(self.book.leaving.items()):
                await self._say_farewell(stub, name, uid)

    async def _until_it_dies(self, work, stub) -> None:  # type: ignore[no-untyped-def]  # bound here
        with contextlib.suppress(grpc.aio.AioRpcError):
            while True:
                await work(stub)

    async def _register(self, stub: registration_service_pb2_grpc.RegistrationServiceStub) -> None:
        number = next(self._numbers)
        request = registration_service_pb2.RegisterInstanceRequest(
            parent=f"namespaces/default/services/s{number % 7}",
            instance_id=f"i{number}",
            ttl=self._ttl,
            request_id=str(uuid.UUID(int=self._random.getrandbits(128), version=4)),
            instance=instance_pb2.Instance(
                locality=instance_pb2.Locality(region="east"),
                addresses=[f"127.77.{number // 250 % 250}.{number % 250 + 1}"],
                ports=[instance_pb2.Port(number=80)],
                health_check=instance_pb2.HealthCheck(kind=instance_pb2.HealthCheck.KIND_NONE),
            ),
        )
        name = f"{request.parent}/instances/{request.instance_id}"
        self.book.unsure[name] = request
        answer = await stub.RegisterInstance(request, timeout=60)
        self.book.alive[name] = answer.instance.uid
        del self.book.unsure[name]
        self._progress.set()

    async def _deregister(
        self, stub: registration_service_pb2_grpc.RegistrationServiceStub
    ) -> None:
        await asyncio.sleep(0.02)
        if len(self.book.alive) > 20:
            name = self._random.choice(list(self.book.alive))
            uid = self.book.alive.pop(name)
            self.book.leaving[name] = uid
            await self._say_farewell(stub, name, uid)

    async def _say_farewell(
        self, stub: registration_service_pb2_grpc.RegistrationServiceStub, name: str, uid: str
    ) -> None:
        request = registration_service_pb2.DeregisterInstanceRequest(name=name, uid=uid)
        await stub.DeregisterInstance(request, timeout=60)
        del self.book.leaving[name]
        self.book.gone[name] = uid

    async def _renew(self, stub: registration_service_pb2_grpc.RegistrationServiceStub) -> None:
        async def beats() -> AsyncIterator[registration_service_pb2.HeartbeatRequest]:
            while True:
                uids = list(self.book.alive.values())
                for at in range(0, len(uids), 100):
                    yield registration_service_pb2.HeartbeatRequest(uids=uids[at : at + 100])
                await asyncio.sleep(self._ttl.seconds / 4)

        with contextlib.suppress(grpc.aio.AioRpcError):
            async for reply in stub.Heartbeats(beats()):
                self.book.renewals += 1
                known = set(self.book.alive.values())
                self.book.refused += [
                    f"{refusal.uid}: {refusal.status.message}"
                    for refusal in reply.refusals
                    if refusal.uid in known
                ]
