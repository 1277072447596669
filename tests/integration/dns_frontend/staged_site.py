"""A registry that owns three regions, a plain frontend that is watched, and a canary beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import grpc
from frontend_site import ask, canary_settings, settings
from google.protobuf.field_mask_pb2 import FieldMask
from registry_site import Site, eventually, registration
from two_keys import confirmed

from dns_frontend.main import FrontendServer
from registry.config import ReconcilerSettings, RegistrySettings
from registry.domain.stage import Pace
from registry.main import RegistryServer
from sheetanchor.v1 import admin_service_pb2 as admin_pb
from sheetanchor.v1 import frontend_pb2, service_pb2

REGIONS = ("eu", "us", "ap")
NAME = "namespaces/shop/services/cart"
BAKING = service_pb2.StagedPolicy.STATE_BAKING
ROLLED_BACK = service_pb2.StagedPolicy.STATE_ROLLED_BACK
NOW = admin_pb.UpdateServiceRequest.ROLLOUT_NOW
# a busy machine may hold a canary up for some seconds, which must not look like its death
BRIEF = Pace(bake_seconds=2.0, gap_seconds=8.0, patience_seconds=20.0)
LONG = replace(BRIEF, bake_seconds=600.0)

Answer = tuple[tuple[str, ...], int]
"""Addresses and their TTL; nothing and 0 where there is no address."""


@dataclass(frozen=True)
class Elsewhere:
    """A server in another process."""

    dns_address: str = ""
    grpc_address: str = ""


async def answer(frontend: FrontendServer | Elsewhere) -> Answer:
    """What clients of a frontend are told now."""
    reply = await ask(frontend, "cart")
    found = sorted(record.address for records in reply.answer for record in records)
    return tuple(found), min((records.ttl for records in reply.answer), default=0)


@dataclass
class Stage:
    """A registry with what follows it."""

    directory: Path
    pace: Pace
    site: Site = field(init=False)
    plain: FrontendServer = field(init=False)
    shown: set[Answer] = field(default_factory=set)
    """All that the plain frontend was seen to answer."""
    over: bool = False

    async def register(self, instance: str, region: str, address: str, port: int) -> Any:
        """An instance that a lease alone keeps healthy, until the test is over."""
        request = registration(instance, region=region, port=port)
        request.instance.addresses[:] = [address]
        request.ttl.FromSeconds(120)
        return await self.site.registration.RegisterInstance(request)

    async def update(self, rollout: Any = None, **policy: Any) -> service_pb2.Service:
        """Change these fields of the policy."""
        failover = policy.pop("failover", None)
        paths = [f"policy.{name}" for name in policy]
        asked = service_pb2.Service(name=NAME, policy=service_pb2.ServicePolicy(**policy))
        if failover is not None:
            asked.policy.failover.CopyFrom(service_pb2.FailoverPolicy(region_order=failover))
            paths.append("policy.failover.region_order")
        request = admin_pb.UpdateServiceRequest(
            service=asked, update_mask=FieldMask(paths=paths), rollout=rollout
        )
        reply: service_pb2.Service
        if "scale_to_zero" in policy:
            reply = await confirmed(self.site.admin.UpdateService, request)
        else:
            reply = await self.site.admin.UpdateService(request)
        return reply

    async def service(self) -> service_pb2.Service:
        """The service as operators see it."""
        found: service_pb2.Service = await self.site.admin.GetService(
            admin_pb.GetServiceRequest(name=NAME)
        )
        return found

    async def rolled_back(self) -> str:
        """Wait until the change is taken back; why it was."""

        async def look() -> str:
            staged = (await self.service()).staged_policy
            return staged.reason if staged.state == ROLLED_BACK else ""

        return str(await eventually(look))

    async def canary_is_known(self) -> None:
        """Wait until the registry knows of a canary."""

        async def look() -> bool:
            reply = await self.site.admin.ListFrontends(admin_pb.ListFrontendsRequest())
            return any(f.role == frontend_pb2.Frontend.ROLE_CANARY for f in reply.frontends)

        await eventually(look)

    @asynccontextmanager
    async def canary(self) -> AsyncIterator[FrontendServer]:
        """A canary, known to the registry, that answers as the plain frontend does."""
        server = FrontendServer(
            canary_settings(self.directory / "canary", (self.site.server.grpc_address,))
        )
        await server.start()
        try:
            await self.canary_is_known()
            await becomes(server, await answer(self.plain))
            yield server
        finally:
            await server.stop()

    @asynccontextmanager
    async def follow(self) -> AsyncIterator[None]:
        """The plain frontend, while it follows."""
        self.plain = FrontendServer(
            settings(self.directory / "plain", (self.site.server.grpc_address,), regions=REGIONS)
        )
        await self.plain.start()
        try:
            yield
        finally:
            await self.plain.stop()

    def forget(self) -> None:
        """From now on `shown` is what the plain frontend is asked from now on."""
        self.shown = set()

    async def _watch(self) -> None:
        # ended by a word: Python 3.11's wait_for, below dnspython, may swallow a cancellation
        while not self.over:
            shown = self.shown  # of when it is asked: the reply may come after a `forget`
            shown.add(await answer(self.plain))
            await asyncio.sleep(0.01)


async def becomes(frontend: FrontendServer | Elsewhere, wanted: Answer) -> None:
    """Wait until clients are told that."""

    async def look() -> bool:
        return await answer(frontend) == wanted

    await eventually(look)


@asynccontextmanager
async def registry(directory: Path, pace: Pace) -> AsyncIterator[Site]:
    """A registry that owns all regions."""
    made = RegistrySettings(
        data_dir=directory / "registry",
        regions=REGIONS,
        listen="127.0.0.1:0",
        migrate=True,
        checkpoint_seconds=0.2,
        reconciler=ReconcilerSettings(stages=pace),
    )
    server = RegistryServer(made)
    await server.start()
    try:
        async with grpc.aio.insecure_channel(server.grpc_address) as channel:
            yield Site(server, made, channel)
    finally:
        await server.stop(0)


@asynccontextmanager
async def staging(directory: Path, pace: Pace) -> AsyncIterator[Stage]:
    """A registry and a plain frontend that is watched all along, with one instance in us."""
    stage = Stage(directory, pace)
    listener = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.2", 0)
    port = listener.sockets[0].getsockname()[1]
    async with listener, registry(directory, pace) as site:
        stage.site = site
        await stage.register("one", "us", "127.0.0.2", port)
        async with stage.follow():
            await becomes(stage.plain, (("127.0.0.2",), 5))
            watching = asyncio.create_task(stage._watch())
            try:
                yield stage
            finally:
                stage.over = True
                await watching
