"""A registry's publication service that does as a test says: real gRPC, invented plans."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import grpc
import grpc.aio

from dns_frontend.feed.decode import published_of
from dns_frontend.plan.digest import EntryTree
from dns_frontend.plan.guard import Limits
from sheetanchor.cli.demo.port import free_port
from sheetanchor.v1 import instance_pb2, plan_pb2
from sheetanchor.v1 import publication_service_pb2 as messages
from sheetanchor.v1.publication_service_pb2_grpc import (
    PublicationServiceServicer,
    add_PublicationServiceServicer_to_server,
)

Bodies = Mapping[str, bytes]
Script = list[messages.WatchPlansResponse | grpc.StatusCode]


def body(service: str, address: str = "10.0.0.1") -> bytes:
    """A service with one healthy endpoint."""
    return plan_pb2.ServicePlan(
        namespace="shop",
        service=service,
        endpoints=[
            plan_pb2.Endpoint(
                instance="one",
                uid="uid",
                addresses=[address],
                ports=[instance_pb2.Port(name="main", number=8080)],
                weight=1,
                health=instance_pb2.HEALTH_HEALTHY,
                evidence=instance_pb2.EVIDENCE_VALIDATED,
            )
        ],
    ).SerializeToString(deterministic=True)


def bodies(*services: str, address: str = "10.0.0.1") -> dict[str, bytes]:
    """Entries of these services, by key."""
    return {f"shop/{service}": body(service, address) for service in services}


def plan(
    content: Bodies, generation: int, *, cell: str = "eu", parent: int | None = None
) -> plan_pb2.Plan:
    """A plan of that content, whose digest is right."""
    tree = EntryTree().replace(
        {key: published_of(key, octets, Limits()) for key, octets in content.items()}, ()
    )
    return plan_pb2.Plan(
        cell=cell,
        generation=generation,
        parent_generation=generation - 1 if parent is None else parent,
        epoch=1,
        digest=tree.digest,
    )


def base(
    content: Bodies, generation: int, *, cell: str = "eu", parts: int = 1, **wrong: Any
) -> list[messages.WatchPlansResponse]:
    """A whole generation; `wrong` are fields of its plan that are not as they should be."""
    made = plan(content, generation, cell=cell)
    made.MergeFrom(plan_pb2.Plan(**wrong))
    entries = [plan_pb2.PlanEntry(key=key, body=octets) for key, octets in content.items()]
    return [
        messages.WatchPlansResponse(
            cell=cell,
            base=messages.PlanBase(
                plan=made, region="eu", entries=entries[at::parts], complete=at == parts - 1
            ),
        )
        for at in range(parts)
    ]


def delta(
    before: Bodies, after: Bodies, generation: int, *, cell: str = "eu", **wrong: Any
) -> messages.WatchPlansResponse:
    """The step between two contents."""
    made = plan(after, generation, cell=cell)
    made.MergeFrom(plan_pb2.Plan(**wrong))
    return messages.WatchPlansResponse(
        cell=cell,
        delta=messages.PlanDelta(
            plan=made,
            region="eu",
            changed=[
                plan_pb2.PlanEntry(key=key, body=octets)
                for key, octets in after.items()
                if before.get(key) != octets
            ],
            removed=sorted(before.keys() - after.keys()),
        ),
    )


def checkpoint(generation: int, *, cell: str = "eu") -> messages.WatchPlansResponse:
    """The word that the head has not moved."""
    return messages.WatchPlansResponse(
        cell=cell, checkpoint=messages.PlanCheckpoint(epoch=1, generation=generation)
    )


class ScriptedPublication(PublicationServiceServicer):
    """Sends each watch the next script, the last one again and again; remembers what it heard."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts: list[Script] = list(scripts)
        self.watches: list[messages.WatchPlansRequest] = []
        self.words: list[messages.AcknowledgePlanRequest] = []
        self.deaf: list[grpc.StatusCode] = []
        """What the next words are answered with, first one first; then they are heard."""
        self.ended = 0
        """Watches that are over."""
        self.port = 0
        self._server: Any = None
        self._late: asyncio.Queue[messages.WatchPlansResponse] = asyncio.Queue()

    @property
    def address(self) -> str:
        """Where it listens, also while it is stopped."""
        return f"127.0.0.1:{self.port}"

    async def start(self) -> ScriptedPublication:
        """Listen; at the same port as before after a stop."""
        # below the ports of connections, so that nobody's connection takes it meanwhile
        self.port = self.port or free_port()
        self._server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
        add_PublicationServiceServicer_to_server(self, self._server)
        self._server.add_insecure_port(self.address)
        await self._server.start()
        return self

    async def stop(self) -> None:
        """Die at once."""
        if self._server is not None:
            await self._server.stop(None)
            self._server = None

    def say(self, *events: messages.WatchPlansResponse) -> None:
        """Send these on the stream that is open and has sent its script."""
        for event in events:
            self._late.put_nowait(event)

    def have(self, watch: int = -1) -> list[tuple[str, int]]:
        """The cells and generations that a watch began from."""
        return [(at.cell, at.generation) for at in self.watches[watch].have]

    def heard(self) -> list[tuple[str, int, str]]:
        """The words: cell, generation, and what it was refused for."""
        return [(word.cell, word.generation, word.refusal.partition(":")[0]) for word in self.words]

    async def WatchPlans(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802 (gRPC's name)
        self.watches.append(request)
        try:
            for event in self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]:
                if isinstance(event, grpc.StatusCode):
                    await context.abort(event, "as the script says")
                yield event
            while True:
                yield await self._late.get()
        finally:
            self.ended += 1

    async def AcknowledgePlan(self, request: Any, context: Any) -> Any:  # noqa: N802 (gRPC's name)
        if self.deaf:
            await context.abort(self.deaf.pop(0), "not now")
        self.words.append(request)
        return messages.AcknowledgePlanResponse()
