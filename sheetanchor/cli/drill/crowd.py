"""Many endpoints of many services, whose faults are to be had at will.

Each has an address of its own in 127.0.0.0/8 and a listening socket there, which is all that
a TCP check looks at. All of them live in this process, registered at a real registry.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from google.rpc import status_pb2

from sheetanchor.cli.demo.port import free_port
from sheetanchor.client.errors import RegistryBusy, SheetanchorError
from sheetanchor.client.link import RegistryLink
from sheetanchor.v1 import instance_pb2, registration_service_pb2
from sheetanchor.v1.registration_service_pb2_grpc import RegistrationServiceStub

NAMESPACE = "crowd"
BATCH = 100
"""Registrations in one call, and leases in one renewal."""
BEAT_SECONDS = 5.0
CALL_SECONDS = 10.0
_SPARE_FILES = 512


@dataclass(slots=True)
class Member:
    """One endpoint."""

    service: str
    instance: str
    address: str
    port: int
    beats: bool = True
    """Whether its lease is renewed."""
    uid: str = ""
    listener: socket.socket | None = field(default=None, repr=False)
    fillers: list[socket.socket] = field(default_factory=list, repr=False)
    """Connections that nobody accepts, so that more are not answered at all."""

    def open(self) -> None:
        """Be there: connections are accepted, or would be."""
        self.hear()
        if self.listener is not None:
            return
        self.listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.setblocking(False)
        self.listener.bind((self.address, self.port))
        self.listener.listen(64)
        asyncio.get_running_loop().add_reader(self.listener, self._accept, self.listener)

    def refuse(self) -> None:
        """Be gone: connections are refused."""
        for filler in self.fillers:
            filler.close()
        self.fillers.clear()
        if self.listener is not None:
            asyncio.get_running_loop().remove_reader(self.listener)
            self.listener.close()
            self.listener = None

    def fall_silent(self) -> None:
        """Be there, and answer nothing: with a full queue, Linux drops what asks for more."""
        self.open()
        assert self.listener is not None
        asyncio.get_running_loop().remove_reader(self.listener)
        self.listener.listen(0)
        for _ in range(3):
            filler = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect((self.address, self.port))
            self.fillers.append(filler)

    def hear(self) -> None:
        """Take back `fall_silent`."""
        if not self.fillers or self.listener is None:
            return
        for filler in self.fillers:
            filler.close()
        self.fillers.clear()
        self.listener.listen(64)
        asyncio.get_running_loop().add_reader(self.listener, self._accept, self.listener)

    @staticmethod
    def _accept(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connection.close()


class Crowd:
    """`services` services of `each` endpoints, all in one region."""

    def __init__(self, registry: str, region: str, services: int, each: int) -> None:
        port = free_port()
        self._registry = registry
        self._region = region
        self.services = [f"s{number}" for number in range(services)]
        self.members = [
            Member(service, f"i{place}", f"127.1.{number + 1}.{place + 1}", port)
            for number, service in enumerate(self.services)
            for place in range(each)
        ]
        self.registrations = 0
        """Registrations made so far, those after a lost lease included."""

    def __repr__(self) -> str:
        return f"<Crowd of {len(self.members)} in {len(self.services)} services>"

    def __len__(self) -> int:
        return len(self.members)

    async def enter(self) -> None:
        """Open all, and register them. Raises SheetanchorError."""
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 5 * len(self.members) + _SPARE_FILES
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, most), most))
        for member in self.members:
            member.open()
        async with RegistryLink((self._registry,)) as link:
            await self._register(link, self.members)

    async def beat(self) -> None:
        """Renew the leases of those that beat, for ever; register those anew that lost theirs."""
        async with RegistryLink((self._registry,)) as link:
            while True:
                await asyncio.sleep(BEAT_SECONDS)
                with contextlib.suppress(SheetanchorError):
                    await self._renew(link)

    def leave(self) -> None:
        """Close all sockets."""
        for member in self.members:
            member.refuse()

    async def _renew(self, link: RegistryLink) -> None:
        beating = {member.uid: member for member in self.members if member.beats}
        uids = list(beating)
        lost: list[Member] = []
        for at in range(0, len(uids), BATCH):
            request = registration_service_pb2.HeartbeatRequest(uids=uids[at : at + BATCH])
            answer = await link.call(RegistrationServiceStub, "Heartbeat", request, CALL_SECONDS)
            lost += [beating[refusal.uid] for refusal in answer.refusals]
        if lost:
            await self._register(link, lost)

    async def _register(self, link: RegistryLink, members: Sequence[Member]) -> None:
        left = list(members)
        while left:
            batch, left = left[:BATCH], left[BATCH:]
            request = registration_service_pb2.BatchRegisterInstancesRequest(
                requests=[self._request(member) for member in batch]
            )
            try:
                answer = await link.call(
                    RegistrationServiceStub, "BatchRegisterInstances", request, CALL_SECONDS
                )
            except RegistryBusy as busy:
                await asyncio.sleep(busy.retry_after_seconds)
                left = batch + left
                continue
            for member, result in zip(batch, answer.results, strict=True):
                _must_be_well(result.status)
                member.uid = result.registered.instance.uid
                self.registrations += 1

    def _request(self, member: Member) -> registration_service_pb2.RegisterInstanceRequest:
        return registration_service_pb2.RegisterInstanceRequest(
            parent=f"namespaces/{NAMESPACE}/services/{member.service}",
            instance_id=member.instance,
            instance=instance_pb2.Instance(
                locality=instance_pb2.Locality(region=self._region),
                addresses=[member.address],
                ports=[instance_pb2.Port(number=member.port)],
            ),
        )


def addresses(members: Iterable[Member]) -> frozenset[str]:
    """Where they are."""
    return frozenset(member.address for member in members)


def _must_be_well(status: status_pb2.Status) -> None:
    if status.code:
        raise SheetanchorError(f"a registration was refused: {status.message}")
