"""Many instances and the calls that they make, through the generated stubs alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import grpc
from google.protobuf.duration_pb2 import Duration

from sheetanchor.v1 import (
    instance_pb2,
    registration_service_pb2,
    registration_service_pb2_grpc,
)

NAMESPACE = "bench"
BATCH = 100
"""Items in one batch call, and leases in one message of a stream: the contract's advice."""


@dataclass(frozen=True, slots=True)
class Member:
    """One registered instance."""

    name: str
    uid: str


def address_of(number: int) -> str:
    """An address of its own for each number, inside 127.0.0.0/8, all of which is this machine."""
    assert 0 <= number < 250 * 250 * 250
    return f"127.{1 + number // 62500}.{1 + number // 250 % 250}.{1 + number % 250}"


def registration(
    number: int, services: int, region: str, port: int, *, check: bool, ttl_seconds: int
) -> registration_service_pb2.RegisterInstanceRequest:
    """The request that registers instance `number`, dealt out over `services` services."""
    kind = instance_pb2.HealthCheck.KIND_TCP if check else instance_pb2.HealthCheck.KIND_NONE
    return registration_service_pb2.RegisterInstanceRequest(
        parent=f"namespaces/{NAMESPACE}/services/s{number % services}",
        instance_id=f"i{number}",
        ttl=Duration(seconds=ttl_seconds),
        instance=instance_pb2.Instance(
            locality=instance_pb2.Locality(region=region),
            addresses=[address_of(number)],
            ports=[instance_pb2.Port(number=port)],
            health_check=instance_pb2.HealthCheck(kind=kind),
        ),
    )


class Fleet:
    """A client of one registry node."""

    def __init__(self, registry: str, region: str) -> None:
        self.registry = registry
        self.region = region
        self._channel = grpc.aio.insecure_channel(registry)
        self.stub = registration_service_pb2_grpc.RegistrationServiceStub(self._channel)

    async def close(self) -> None:
        """Let go of the connection."""
        await self._channel.close()

    async def register_many(
        self,
        numbers: Sequence[int],
        services: int,
        *,
        check: bool = False,
        port: int = 80,
        ttl_seconds: int = 300,
        in_flight: int = 8,
    ) -> list[Member]:
        """Register in batches, `in_flight` of them at once. Raises when one item is refused."""
        members: dict[int, Member] = {}
        batches = iter([numbers[at : at + BATCH] for at in range(0, len(numbers), BATCH)])

        async def work() -> None:
            for batch in batches:
                requests = [
                    registration(
                        n, services, self.region, port, check=check, ttl_seconds=ttl_seconds
                    )
                    for n in batch
                ]
                answer = await self.stub.BatchRegisterInstances(
                    registration_service_pb2.BatchRegisterInstancesRequest(requests=requests)
                )
                for number, result in zip(batch, answer.results, strict=True):
                    if result.HasField("status"):
                        raise RuntimeError(f"instance {number}: {result.status.message}")
                    instance = result.registered.instance
                    members[number] = Member(instance.name, instance.uid)

        await asyncio.gather(*(work() for _ in range(in_flight)))
        return [members[number] for number in numbers]

    async def beat_for_ever(
        self, uids: Sequence[str], interval_seconds: float, delay_seconds: float
    ) -> None:
        """Renew `uids` by one stream every `interval_seconds`: one agent's work, until cancelled.

        Raises when a renewal is refused.
        """

        async def beats() -> AsyncIterator[registration_service_pb2.HeartbeatRequest]:
            await asyncio.sleep(delay_seconds)
            while True:
                yield registration_service_pb2.HeartbeatRequest(uids=uids)
                await asyncio.sleep(interval_seconds)

        async for reply in self.stub.Heartbeats(beats()):
            if reply.refusals:
                raise RuntimeError(f"not renewed: {reply.refusals[0].status.message}")
