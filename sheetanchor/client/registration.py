"""Registers an instance and keeps it registered for as long as a block of code runs.

The rule: once entered, the application is never disturbed because a registry is. What
goes wrong shows in `standing` and in the `on_change` callback, and is tried again.
Two things end a registration: leaving the block, and another process that registers
the same instance.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import uuid
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from sheetanchor.client.addresses import parse_addresses
from sheetanchor.client.announcement import (
    Announcement,
    Check,
    Port,
    instance_id_for,
    ports_of,
)
from sheetanchor.client.backoff import Backoff
from sheetanchor.client.errors import NotFound, RegistryUnreachable, SheetanchorError
from sheetanchor.client.lease import CALL_TIMEOUT_SECONDS, LeaseKeeper
from sheetanchor.client.link import RegistryLink
from sheetanchor.client.standing import ChangeCallback, Logbook, Standing, Status
from sheetanchor.client.vitals import HealthCallback, Vitals
from sheetanchor.v1 import registration_service_pb2 as messages
from sheetanchor.v1.registration_service_pb2_grpc import RegistrationServiceStub

if TYPE_CHECKING:
    from sheetanchor.client.sync import SyncRegistration

_logger = logging.getLogger(__name__)


class Registration:
    """One instance of a service, registered while the `async with` block runs.

    >>> async with Registration("checkout", region="east", addresses="10.0.0.7", ports=8080):
    ...     await serve()

    `service`, `namespace`, `instance`, `region`, `zone`, `cell`, `addresses`, `ports`,
    `priority`, `weight`, `metadata`, `check` and `ttl_seconds` are what is registered;
    without `instance`, an id is made of the host's name and the first port, so that a
    restart takes its predecessor's place.

    `registries` are the nodes of one registry, tried in turn. `wait_seconds` is how long
    entering waits for the first registration before it raises `RegistryUnreachable`;
    0 enters at once and registers in the background. A refused first registration raises
    `RegistryRefusal` if it comes in that time. `drain_seconds` is how long leaving
    keeps the instance draining before it deregisters: new clients are turned away, old
    ones finish. `health` is asked every `health_interval_seconds` whether the instance can
    serve; its change is reported at once. `on_change` hears of every change of status, and
    when calls begin or cease to fail.
    """

    def __init__(
        self,
        service: str,
        *,
        region: str,
        addresses: str | Sequence[str],
        ports: int | Mapping[str, int] | Sequence[Port] = 0,
        namespace: str = "default",
        instance: str = "",
        zone: str = "",
        cell: str = "",
        priority: int = 0,
        weight: int = 1,
        metadata: Mapping[str, str] | None = None,
        check: Check | None = None,
        ttl_seconds: float = 15.0,
        registries: str | Sequence[str] = "127.0.0.1:5310",
        wait_seconds: float = 10.0,
        drain_seconds: float = 2.0,
        health: HealthCallback | None = None,
        health_interval_seconds: float = 1.0,
        on_change: ChangeCallback | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        found = ports_of(ports)
        if not instance:
            suffix = str(found[0].number) if found else uuid.uuid4().hex[:8]
            instance = instance_id_for(socket.gethostname(), suffix)
        self._announcement = Announcement(
            service=service,
            instance=instance,
            namespace=namespace,
            region=region,
            addresses=(addresses,) if isinstance(addresses, str) else tuple(addresses),
            ports=found,
            zone=zone,
            cell=cell,
            priority=priority,
            weight=weight,
            metadata=dict(metadata or {}),
            check=check,
            ttl_seconds=ttl_seconds,
        )
        self._wait_seconds = wait_seconds
        self._drain_seconds = drain_seconds
        self._announcement.request("")  # a value of a wrong type is a bug of the caller's: now
        self._vitals = Vitals(health, health_interval_seconds, self._report)
        self._log = Logbook(self.name, on_change)
        self._link = RegistryLink(parse_addresses(registries))
        self._keeper = LeaseKeeper(self._announcement, self._link, self._log, backoff or Backoff())
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False

    def __repr__(self) -> str:
        standing = self._log.standing
        text = f"Registration({self.name!r}, {standing.status.value}"
        if standing.registry:
            text += f", registry={standing.registry!r}, renewals={standing.renewals}"
        if standing.error is not None:
            text += f", failures={standing.failures}, error={standing.error.message!r}"
        return text + ")"

    @property
    def name(self) -> str:
        """The instance's resource name."""
        return self._announcement.name

    @property
    def announcement(self) -> Announcement:
        """What is registered."""
        return self._announcement

    @property
    def standing(self) -> Standing:
        """Where the registration stands now; safe to read from any thread."""
        return self._log.standing

    @property
    def status(self) -> Status:
        """What holds now; safe to read from any thread."""
        return self._log.standing.status

    @property
    def uid(self) -> str:
        """The present incarnation; empty while there is none."""
        return self._log.standing.uid

    def sync(self) -> SyncRegistration:
        """The same registration for code without an event loop; enter the result instead."""
        from sheetanchor.client.sync import SyncRegistration

        return SyncRegistration(self)

    def set_serving(self, serving: bool) -> None:
        """Say whether the instance can serve; a change is reported at once.

        For applications that know, rather than want to be asked. With a `health`
        callback, its next answer replaces this one. Call it in the event loop's thread.
        """
        self._vitals.set(serving)

    async def ended(self) -> Standing:
        """Wait until the registration has ended: left, or superseded by another process."""
        return await self._log.ended()

    async def __aenter__(self) -> Registration:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace_: TracebackType | None,
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Register; what `async with` does on entering. Raises SheetanchorError."""
        if self.status is not Status.NEW:
            raise RuntimeError(f"{self!r} cannot be entered twice")
        self._log.turned(Status.REGISTERING)
        self._tasks = [
            asyncio.create_task(self._keeper.run(), name=f"lease of {self.name}"),
            asyncio.create_task(self._vitals.watch(), name=f"health of {self.name}"),
        ]
        if self._wait_seconds <= 0:
            return
        failure: SheetanchorError | None = None
        try:
            async with asyncio.timeout(self._wait_seconds):
                standing = await self._log.settled()
            if standing.status is Status.REFUSED or standing.status.final:
                failure = standing.error
        except TimeoutError:
            failure = self._nobody_answered()
        except asyncio.CancelledError:
            await self._stop()
            raise
        if failure is not None:
            await self._stop()
            self._log.left(error=failure)
            raise failure

    def _nobody_answered(self) -> RegistryUnreachable:
        nodes, last = self._link.addresses, self.standing.error
        return RegistryUnreachable(
            f"not registered within {self._wait_seconds:g} s; tried {', '.join(nodes)}"
            + (f". Last: {last.message}" if last is not None else ""),
            registries=nodes,
        )

    async def drain(self) -> None:
        """Have new clients turned away, and go on renewing until `close`.

        For an owner that knows better than a fixed time when its last client has gone.
        Never raises for a registry that does not answer.
        """
        await self._keeper.leave()
        if self.uid and not self.status.final:
            await self._turn_clients_away(self.uid)

    async def close(self, drain_seconds: float | None = None) -> None:
        """Drain, wait, deregister; what `async with` does on leaving.

        `drain_seconds` replaces what the registration was made with; 0 deregisters at
        once, as is right when the instance is dead or drained already. Never raises for a
        registry that does not answer: the lease ends by itself then.
        """
        if self._closed:
            return
        self._closed = True
        wait_seconds = self._drain_seconds if drain_seconds is None else drain_seconds
        deregistered, failure = False, None
        try:
            await self._keeper.leave()
            failure = self.standing.error
            if self.uid and not self.status.final:
                failure = await self._leave(self.uid, wait_seconds)
                # not known there is as good as taken out
                deregistered = failure is None or isinstance(failure, NotFound)
        finally:
            await self._stop()
            if not self.status.final:
                self._log.left(deregistered=deregistered, error=None if deregistered else failure)

    async def _leave(self, uid: str, drain_seconds: float) -> SheetanchorError | None:
        if drain_seconds > 0:
            failure = await self._turn_clients_away(uid)
            if failure is not None:
                return failure
            # renewals go on meanwhile: a drain may last longer than a lease
            await asyncio.sleep(drain_seconds)
        bye = messages.DeregisterInstanceRequest(name=self.name, uid=uid)
        return await self._farewell("DeregisterInstance", bye)

    async def _turn_clients_away(self, uid: str) -> SheetanchorError | None:
        drain = messages.DrainInstanceRequest(name=self.name, uid=uid)
        failure = await self._farewell("DrainInstance", drain)
        if failure is None:
            self._log.turned(Status.DRAINING)
        return failure

    async def _farewell(self, method: str, request: Any) -> SheetanchorError | None:
        """Why it was not heard: it is either out already or out of reach. None if it was."""
        try:
            async with asyncio.timeout(CALL_TIMEOUT_SECONDS):
                await self._link.call_any(
                    RegistrationServiceStub, method, request, CALL_TIMEOUT_SECONDS
                )
        except (SheetanchorError, TimeoutError) as error:
            _logger.warning("%s of %s failed: %s", method, self.name, error or "timed out")
            if isinstance(error, SheetanchorError):
                return error
            return RegistryUnreachable(
                f"no registry answered within {CALL_TIMEOUT_SECONDS:g} s",
                registries=self._link.addresses,
            )
        return None

    async def _stop(self) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._link.close()

    def _report(self) -> None:
        self._keeper.report(self._vitals.serving)
