"""A registry in this process whose one cell is large, and changes when it is told to.

Real gRPC and real plans; no leases, which three hundred thousand instances would spend their
time on. What it sends is what `sheetanchor registry` would.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc.aio

from benchmarks.fleet import NAMESPACE, address_of
from dns_frontend.feed.decode import published_of
from dns_frontend.feed.lkg import LastKnownGood
from dns_frontend.plan.cell import Snapshot
from dns_frontend.plan.digest import EntryTree, TreeBuilder
from dns_frontend.plan.entry import CellPosition
from dns_frontend.plan.guard import Limits
from sheetanchor.v1 import instance_pb2, plan_pb2
from sheetanchor.v1 import publication_service_pb2 as messages
from sheetanchor.v1.publication_service_pb2_grpc import (
    PublicationServiceServicer,
    add_PublicationServiceServicer_to_server,
)

CHECKPOINT_SECONDS = 1.0
_LIMITS = Limits()


def body_of(service: int, addresses: list[str]) -> bytes:
    """A service whose endpoints have what a usual registration has."""
    return plan_pb2.ServicePlan(
        namespace=NAMESPACE,
        service=f"s{service}",
        revision=service + 1,
        endpoints=[
            plan_pb2.Endpoint(
                instance=f"i{number}",
                uid=f"{service:016x}{number:016x}",
                addresses=[address],
                ports=[instance_pb2.Port(name="main", number=8080)],
                weight=100,
                zone="a",
                health=instance_pb2.HEALTH_HEALTHY,
                evidence=instance_pb2.EVIDENCE_VALIDATED,
            )
            for number, address in enumerate(addresses)
        ],
    ).SerializeToString(deterministic=True)


class ChangingRegistry(PublicationServiceServicer):
    """The cell `region` of `services` services; `change` publishes the next generation."""

    def __init__(self, region: str, services: int, endpoints: int) -> None:
        self.port = 0
        self._region = region
        self._endpoints = endpoints
        builder = TreeBuilder()
        for service in range(services):
            key = f"{NAMESPACE}/s{service}"
            body = body_of(service, [address_of(service * endpoints + n) for n in range(endpoints)])
            builder.add(key, published_of(key, body, _LIMITS))
        *_, tree = builder.build()
        assert tree is not None
        self._tree: EntryTree = tree
        self._generation = 1
        self._server: Any = None
        self._streams: set[asyncio.Queue[messages.WatchPlansResponse]] = set()

    @property
    def _position(self) -> CellPosition:
        return CellPosition(
            self._region, self._region, 1, self._generation, self._tree.digest, 1_800_000_000_000
        )

    def write(self, data_dir: Path) -> None:
        """What a frontend that heard all of it has on disk."""
        disk = LastKnownGood(data_dir, _LIMITS)
        disk.open()
        disk.write(Snapshot(self._position, self._tree))
        disk.close()

    async def start(self) -> str:
        """Listen; returns where."""
        self._server = grpc.aio.server()
        add_PublicationServiceServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        await self._server.start()
        return f"127.0.0.1:{self.port}"

    async def stop(self) -> None:
        """End all streams."""
        await self._server.stop(None)

    @property
    def followers(self) -> int:
        """How many frontends follow."""
        return len(self._streams)

    def change(self, service: int) -> str:
        """Give a service another last address, tell all frontends; returns the address."""
        event, tree, address = self._next(service)
        self._generation, self._tree = self._generation + 1, tree
        for stream in self._streams:
            stream.put_nowait(event)
        return address

    def change_unheard(self, service: int) -> None:
        """Do what `change` does here, and tell nobody: the same load, and no change."""
        self._next(service)[0].SerializeToString()

    def _next(self, service: int) -> tuple[messages.WatchPlansResponse, EntryTree, str]:
        generation = self._generation + 1
        first = service * self._endpoints
        kept = [address_of(first + n) for n in range(self._endpoints - 1)]
        address = f"10.{generation >> 16 & 255}.{generation >> 8 & 255}.{generation & 255}"
        key = f"{NAMESPACE}/s{service}"
        body = body_of(service, [*kept, address])
        tree = self._tree.replace({key: published_of(key, body, _LIMITS)}, ())
        plan = plan_pb2.Plan(
            cell=self._region,
            generation=generation,
            parent_generation=generation - 1,
            epoch=1,
            digest=tree.digest,
        )
        event = messages.WatchPlansResponse(
            cell=self._region,
            delta=messages.PlanDelta(
                plan=plan, region=self._region, changed=[plan_pb2.PlanEntry(key=key, body=body)]
            ),
        )
        return event, tree, address

    async def WatchPlans(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802 (gRPC's name)
        """The deltas from where the frontend is, which must be where we are."""
        del context
        have = [at.generation for at in request.have if at.cell == self._region]
        if have != [self._generation]:
            raise RuntimeError(f"the frontend has {have}, and not {self._generation}")
        stream: asyncio.Queue[messages.WatchPlansResponse] = asyncio.Queue()
        self._streams.add(stream)
        try:
            yield self._checkpoint()
            while True:
                try:
                    async with asyncio.timeout(CHECKPOINT_SECONDS):
                        event = await stream.get()
                except TimeoutError:
                    if not stream.empty():
                        continue  # a checkpoint must not tell of what is yet to be sent
                    event = self._checkpoint()
                yield event
        finally:
            self._streams.discard(stream)

    async def AcknowledgePlan(self, request: Any, context: Any) -> Any:  # noqa: N802 (gRPC's name)
        """Heard. Raises RuntimeError when a change is refused: nothing would be measured."""
        del context
        if request.refusal:
            raise RuntimeError(f"the frontend refuses: {request.refusal}")
        return messages.AcknowledgePlanResponse()

    def _checkpoint(self) -> messages.WatchPlansResponse:
        return messages.WatchPlansResponse(
            cell=self._region,
            checkpoint=messages.PlanCheckpoint(epoch=1, generation=self._generation),
        )
