"""Gets a lease and renews it, for as long as nobody stops it.

One task does all of it, so that registering and renewing never overlap:
register -> renew ... renew -> (lease lost) -> register -> ...
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import uuid
from dataclasses import replace

from opentelemetry import trace

from sheetanchor.client.announcement import Announcement, seconds
from sheetanchor.client.backoff import Backoff
from sheetanchor.client.errors import (
    IncarnationSuperseded,
    LeaseLost,
    RegistryBusy,
    RegistryFault,
    RegistryRefusal,
    RegistryUnreachable,
    SheetanchorError,
    from_status,
)
from sheetanchor.client.link import RegistryLink
from sheetanchor.client.pulse import Pulse
from sheetanchor.client.schedule import Schedule, request_id_outlived
from sheetanchor.client.standing import Logbook, Status
from sheetanchor.v1 import registration_service_pb2 as messages
from sheetanchor.v1.registration_service_pb2_grpc import RegistrationServiceStub

_log = logging.getLogger(__name__)
_tracer = trace.get_tracer("sheetanchor.client")

CALL_TIMEOUT_SECONDS = 5.0
REFUSAL_BACKOFF = Backoff(base_seconds=5.0, ceiling_seconds=60.0)
"""A refusal changes only by an operator's hand, so it is not asked for often."""


class LeaseKeeper:
    """Keeps one announcement registered, and writes down how that goes."""

    def __init__(
        self, announcement: Announcement, link: RegistryLink, log: Logbook, backoff: Backoff
    ) -> None:
        self._announcement = announcement
        self._link = link
        self._log = log
        self._backoff = backoff
        self._serving = True
        self._wake = asyncio.Event()
        self._leaving = False
        self._answered = asyncio.Event()
        self._answered.set()

    def __repr__(self) -> str:
        return f"LeaseKeeper({self._announcement.name!r}, {self._log.standing.status.value})"

    def report(self, serving: bool) -> None:
        """Have the application's health told to the registry at once."""
        self._serving = serving
        self._log.serving(serving)
        self._wake.set()

    async def leave(self) -> None:
        """From now on renew only; a lost lease is not asked for again.

        Returns when no registration is under way: whoever leaves has to know whether it is in.
        """
        self._leaving = True
        await self._answered.wait()

    async def run(self) -> None:
        """Keep the lease until cancelled, superseded, or lost on leaving. Never raises."""
        try:
            while not self._leaving:
                schedule = await self._register()
                if schedule is None:
                    return
                await self._keep(schedule)
                self._log.lost()
        except IncarnationSuperseded as error:
            _log.warning("%s belongs to another process now: %s", self._announcement.name, error)
            self._log.turned(Status.SUPERSEDED, error)
        except Exception as error:  # the application must learn of it, and must not die of it
            _log.exception("the lease of %s is no longer kept: a bug", self._announcement.name)
            self._log.turned(Status.LEFT, SheetanchorError(f"{type(error).__name__}: {error}"))

    async def _register(self) -> Schedule | None:
        """Register, however long it takes; None: it leaves. Raises IncarnationSuperseded."""
        loop = asyncio.get_running_loop()
        ttl_seconds = self._announcement.ttl_seconds
        request_id, first_sent_at = str(uuid.uuid4()), loop.time()
        failures = refusals = 0
        while not self._leaving:
            sent_at = loop.time()
            if request_id_outlived(first_sent_at, ttl_seconds, sent_at):
                request_id, first_sent_at = str(uuid.uuid4()), sent_at
            registry = self._link.address
            try:
                reply = await self._ask(request_id, registry)
            except IncarnationSuperseded:
                raise
            except (RegistryUnreachable, RegistryBusy, RegistryFault) as error:
                failures += 1
                self._log.failed(Status.REGISTERING, error, failures, registry)
                await asyncio.sleep(self._delay_seconds(failures, error, self._backoff))
            except RegistryRefusal as error:
                refusals += 1
                # refused, so nothing was made under that id; the next try is a new request
                request_id, first_sent_at = str(uuid.uuid4()), loop.time()
                self._log.failed(Status.REFUSED, error, refusals, registry)
                await asyncio.sleep(REFUSAL_BACKOFF.delay_seconds(refusals, 1, random.random()))
            else:
                return Schedule.granted(
                    ttl_seconds=seconds(reply.lease.ttl) or ttl_seconds,
                    interval_seconds=seconds(reply.lease.renewal_interval),
                    sent_at=sent_at,
                    now=loop.time(),
                )
        return None

    async def _ask(self, request_id: str, registry: str) -> messages.RegisterInstanceResponse:
        self._answered.clear()
        try:
            reply = await self._call_register(request_id)
            self._log.registered(reply.instance.uid, registry)
            return reply
        finally:
            self._answered.set()

    async def _call_register(self, request_id: str) -> messages.RegisterInstanceResponse:
        with _tracer.start_as_current_span(
            "sheetanchor.register",
            kind=trace.SpanKind.CLIENT,
            attributes={"sheetanchor.instance": self._announcement.name},
        ):
            reply: messages.RegisterInstanceResponse = await self._link.call(
                RegistrationServiceStub,
                "RegisterInstance",
                self._announcement.request(request_id),
                CALL_TIMEOUT_SECONDS,
            )
            return reply

    async def _keep(self, schedule: Schedule) -> None:
        """Renew until the lease is lost. Raises IncarnationSuperseded."""
        loop = asyncio.get_running_loop()
        uid = self._log.standing.uid
        pulse = Pulse(self._link)
        reported = True  # a new registration is taken for serving
        failures = 0
        try:
            while True:
                if self._serving == reported or failures:
                    await self._sleep_until(schedule.due_at)
                serving, sent_at, registry = self._serving, loop.time(), self._link.address
                try:
                    reply = await pulse.beat(_renewal(uid, serving), schedule.timeout_seconds)
                    for refusal in reply.refusals:
                        if refusal.uid == uid:
                            raise from_status(refusal.status)
                except IncarnationSuperseded:
                    raise
                except LeaseLost as error:
                    _log.warning("%s lost its lease: %s", self._announcement.name, error)
                    return
                except SheetanchorError as error:
                    failures += 1
                    status = Status.DRAINING if self._leaving else Status.UNCONFIRMED
                    self._log.failed(status, error, failures, registry)
                    # a registry that comes back gives a full TTL, in which it must be heard (I23)
                    backoff = self._backoff.within(schedule.longest_pause_seconds)
                    due_at = loop.time() + self._delay_seconds(failures, error, backoff)
                    schedule = replace(schedule, due_at=due_at)
                    continue
                failures, reported = 0, serving
                schedule = Schedule.granted(
                    ttl_seconds=seconds(reply.ttl) or schedule.ttl_seconds,
                    interval_seconds=seconds(reply.renewal_interval),
                    sent_at=sent_at,
                    now=loop.time(),
                )
                self._log.renewed(registry)
        finally:
            pulse.stop()

    async def _sleep_until(self, due_at: float) -> None:
        """Sleep until `due_at`, or until the application's health changes."""
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(due_at):
                await self._wake.wait()

    def _delay_seconds(self, failures: int, error: SheetanchorError, backoff: Backoff) -> float:
        wish = error.retry_after_seconds if isinstance(error, RegistryBusy) else 0.0
        nodes = len(self._link.addresses)
        return backoff.delay_seconds(failures, nodes, random.random(), wish)


def _renewal(uid: str, serving: bool) -> messages.HeartbeatRequest:
    if serving:
        return messages.HeartbeatRequest(uids=[uid])
    return messages.HeartbeatRequest(not_serving_uids=[uid])
