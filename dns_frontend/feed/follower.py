"""Follows one registry cluster: a WatchPlans stream to one node, the next node on failure.

Rule: whatever a registry does or fails to do, this goes on trying, at a pace that grows no faster
than its failures, and changes no answer by itself. Words on generations go back over the same
connection; the newest of each cell is said again when a stream begins, as one may have missed it.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import grpc
import grpc.aio

from dns_frontend import telemetry
from dns_frontend.config import FrontendSettings
from dns_frontend.feed.applier import Applier
from dns_frontend.feed.assembly import Assemblies
from dns_frontend.feed.audit import AuditLog
from dns_frontend.feed.canary import StageReport
from dns_frontend.feed.decode import MalformedMessageError, is_cell, position_of, published_of
from dns_frontend.feed.herald import Herald
from dns_frontend.feed.observer import Quarantine, SightReport
from dns_frontend.feed.report import tell_sight, tell_stage
from dns_frontend.feed.word import Word
from dns_frontend.plan.cell import CheckpointArrived, DeltaArrived, Doubt, Event
from dns_frontend.plan.guard import Limits
from dns_frontend.plan.holding import Held, told
from dns_frontend.plan.role import Role
from dns_frontend.plan.velocity import is_slowed
from sheetanchor.client.backoff import Backoff
from sheetanchor.client.link import RegistryLink
from sheetanchor.v1 import frontend_pb2
from sheetanchor.v1 import publication_service_pb2 as messages
from sheetanchor.v1.publication_service_pb2_grpc import PublicationServiceStub

log = logging.getLogger(__name__)

SPEAK_TIMEOUT_SECONDS = 5.0
SPEAK_PAUSE_SECONDS = 0.1
"""From one round of words to the next: while changes come thick the newest speaks for them."""
REFUSAL_CHARACTERS = 512
POSITION_LIMIT = 1000
"""Positions that the contract lets a watch begin from."""
MESSAGE_OCTETS = 16 * 1024 * 1024
"""The largest message taken: twice the largest entry that the guard lets through."""

_RESYNC = "resync"
_PASSING = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.CANCELLED,
)
"""Failures of saying a word that saying it again may mend."""
_Verdict = messages.AcknowledgePlanRequest.Verdict
_ROLE = {
    Role.SERVING: frontend_pb2.Frontend.ROLE_SERVING,
    Role.CANARY: frontend_pb2.Frontend.ROLE_CANARY,
}


class _StreamOver(Exception):
    """A stream is to be opened anew; `reason` is a metric's attribute."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail or reason)
        self.reason = reason


class Follower:
    """One frontend's ear at one cluster. For one event loop."""

    def __init__(
        self,
        settings: FrontendSettings,
        addresses: tuple[str, ...],
        applier: Applier,
        limits: Limits,
        *,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.cluster = ",".join(addresses)
        self._settings = settings
        self._pace = settings.feed
        self._applier = applier
        self._limits = limits
        self._clock = clock
        self._draw = draw
        self._link = RegistryLink(
            addresses, options=(("grpc.max_receive_message_length", MESSAGE_OCTETS),)
        )
        self._backoff = Backoff(
            base_seconds=self._pace.backoff_minimum_seconds,
            ceiling_seconds=self._pace.backoff_maximum_seconds,
        )
        self._doubted: dict[str, float] = {}
        """Cells to be asked for whole, and when. Until then what comes of them is of no use."""
        self._doubts: dict[str, int] = {}
        """By cell, how often in a row its chain could not be followed."""
        self._unsaid: dict[tuple[str, bool], Word] = {}
        """By cell, and whether it is about a generation that is served."""
        self._say = asyncio.Event()
        self._herald = Herald(settings.frontend_id, AuditLog(settings.data_dir), draw=draw)
        self._failures = 0
        self._stub: Any = None
        """Set while a stream lasts: to where reports go."""
        self.connected = False
        """Whether the stream has said something lately."""

    def __repr__(self) -> str:
        state = "connected" if self.connected else f"failures={self._failures}"
        return f"<Follower {self._link.address} {state} unsaid={len(self._unsaid)}>"

    def show(self) -> Callable[[], None]:
        """Show the connection in the metrics; returns how to withdraw."""
        attributes = {"frontend": self._settings.frontend_id, "cluster": self.cluster}
        return telemetry.observe(telemetry.CONNECTED, lambda: [(float(self.connected), attributes)])

    async def run(self) -> None:
        """Follow, for ever."""
        try:
            while True:
                channel = self._link.channel()
                try:
                    await self._follow(channel)
                except _StreamOver as error:
                    # a cell in doubt has a pace of its own, and is no failure of the others'
                    if error.reason != _RESYNC:
                        self._failed(error.reason, str(error))
                except grpc.aio.AioRpcError as error:
                    self._failed(error.code().name.lower(), error.details() or "")
                except MalformedMessageError as error:
                    self._failed("malformed", str(error))
                except Exception as error:
                    # a mistake of ours in one cluster's stream must not end it for good
                    log.exception("following a registry failed", extra={"cluster": self.cluster})
                    self._failed("fault", repr(error))
                await self._link.turn(channel)
                nodes = len(self._link.addresses)
                await asyncio.sleep(
                    self._backoff.delay_seconds(self._failures, nodes, self._draw())
                )
        finally:
            self.connected = False
            await self._link.close()

    # --- the stream --------------------------------------------------------------------

    async def _follow(self, channel: grpc.aio.Channel) -> None:
        """Follow one stream until it is over, which it says by raising."""
        stub = PublicationServiceStub(channel)
        if self._unsaid:
            self._say.set()
        for word in self._applier.words(self.cluster):
            self._hear(word)
        call = stub.WatchPlans(self._request())
        speaking = asyncio.create_task(self._speak(stub))
        heralding = asyncio.create_task(self._herald.run(stub))
        self._stub = stub
        try:
            await self._read(call)
        finally:
            self._stub = None
            call.cancel()
            speaking.cancel()
            heralding.cancel()
            await asyncio.wait({speaking, heralding})

    def _request(self) -> messages.WatchPlansRequest:
        doubted, self._doubted = self._doubted, {}
        have = [position for position in self._applier.heads() if position.cell not in doubted]
        return messages.WatchPlansRequest(
            frontend_id=self._settings.frontend_id,
            region=self._settings.region,
            role=_ROLE[self._settings.role],
            have=[
                messages.WatchPlansRequest.Position(
                    cell=position.cell,
                    epoch=position.epoch,
                    generation=position.generation,
                    digest=position.digest,
                )
                for position in have[:POSITION_LIMIT]
            ],
        )

    async def _read(self, call: Any) -> None:
        assemblies = Assemblies(self._limits)
        opened = self._clock()
        patience = self._pace.connect_timeout_seconds
        while True:
            due = min(self._doubted.values(), default=math.inf) - self._clock()
            if due <= 0:
                raise _StreamOver(_RESYNC)
            try:
                async with asyncio.timeout(min(patience, due)):
                    message = await call.read()
            except TimeoutError:
                if due < patience:
                    raise _StreamOver(_RESYNC) from None
                reason = "silent" if self.connected else "no_answer"
                raise _StreamOver(reason, f"nothing came for {patience:g} s") from None
            if message is grpc.aio.EOF:
                raise _StreamOver("ended")
            if not self.connected:
                self.connected = True
                log.info(
                    "following a registry",
                    extra={
                        "frontend": self._settings.frontend_id,
                        "cluster": self.cluster,
                        "node": self._link.address,
                    },
                )
            patience = self._pace.silence_seconds
            await self._hear_out(message, assemblies)
            # only a stream that is of use, and lasts, resets the pace of opening new ones
            if self._clock() - opened >= self._pace.backoff_maximum_seconds:
                self._failures = 0
                self._doubts = {c: n for c, n in self._doubts.items() if c in self._doubted}

    async def _hear_out(self, message: messages.WatchPlansResponse, assemblies: Assemblies) -> None:
        """Take a message; what is wrong with its cell concerns that cell alone (I20)."""
        cell = message.cell
        if not is_cell(cell):
            raise MalformedMessageError(f"{cell[:140]!r} is no cell's name")
        if cell in self._doubted:
            return
        try:
            doubt = await self._take(message, assemblies)
        except MalformedMessageError as error:
            assemblies.give_up(cell)
            self._doubt(cell, "malformed", str(error))
            return
        if doubt is not None:
            self._doubt(cell, doubt.value, "")

    def _doubt(self, cell: str, reason: str, detail: str) -> None:
        """Have a cell asked for whole: at once, and then at a pace that its failures slow down."""
        if len(self._doubts) >= POSITION_LIMIT:
            raise MalformedMessageError(f"more than {POSITION_LIMIT} cells cannot be followed")
        before = self._doubts.get(cell, 0)
        self._doubts[cell] = before + 1
        pause = self._backoff.delay_seconds(before, 1, self._draw()) if before else 0.0
        self._doubted[cell] = self._clock() + pause
        attributes = {"frontend": self._settings.frontend_id, "reason": reason}
        telemetry.resyncs.add(1, attributes)
        if not before:
            log.warning(
                "a cell's chain cannot be followed; it is asked for whole",
                extra=attributes | {"cluster": self.cluster, "cell": cell, "detail": detail},
            )

    async def _take(
        self, message: messages.WatchPlansResponse, assemblies: Assemblies
    ) -> Doubt | None:
        """Decide about a message. Raises MalformedMessageError."""
        cell = message.cell
        event: Event
        self._applier.pause()
        match message.WhichOneof("event"):
            case "base":
                base = message.base
                position = position_of(cell, base.plan, base.region)
                given_up = await assemblies.add(cell, position, base)
                if given_up:
                    # the greatest of all that was begun, and not ended
                    self._doubt(given_up, "too_much", repr(assemblies))
                if given_up == cell or not base.complete:
                    return None
                assembly = assemblies.take(cell)
                event, traceparent = await assembly.finish(self._clock()), base.plan.traceparent
            case "delta":
                delta = message.delta
                changed = {}
                for each in delta.changed:
                    changed[each.key] = published_of(each.key, each.body, self._limits)
                    self._applier.pause()
                event = DeltaArrived(
                    self._clock(),
                    position_of(cell, delta.plan, delta.region),
                    delta.plan.parent_generation,
                    changed,
                    tuple(delta.removed),
                )
                traceparent = delta.plan.traceparent
            case "checkpoint":
                point = message.checkpoint
                event = CheckpointArrived(self._clock(), point.epoch, point.generation)
                traceparent = ""
            case _:
                return None  # an event of a later version of the contract
        return self._applier.take(self.cluster, cell, event, self._hear, traceparent)

    def _failed(self, reason: str, detail: str) -> None:
        attributes = {"frontend": self._settings.frontend_id, "cluster": self.cluster}
        telemetry.feed_failures.add(1, attributes | {"reason": reason})
        told = self.connected or self._failures == 0
        self.connected = False
        self._failures += 1
        if told:
            log.warning(
                "a registry is not followed now; what is known is served",
                extra=attributes | {"node": self._link.address, "reason": reason, "detail": detail},
            )

    # --- words -------------------------------------------------------------------------

    def _hear(self, word: Word) -> None:
        """Take a word for the registry, to be said when it is true of all workers."""
        self._applier.answering.when_served(partial(self._note, word))

    def _note(self, word: Word) -> None:
        """Have a word said; a newer one of its cell replaces it."""
        self._unsaid[word.position.cell, word.finding is None] = word
        self._say.set()

    async def _speak(self, stub: Any) -> None:
        """Say what is unsaid, while the stream lasts."""
        while True:
            await self._say.wait()
            self._say.clear()
            for key, word in list(self._unsaid.items()):
                try:
                    await stub.AcknowledgePlan(
                        _acknowledgement(self._settings, word),
                        timeout=SPEAK_TIMEOUT_SECONDS,
                        metadata=telemetry.metadata_of(word.context),
                    )
                except grpc.aio.AioRpcError as error:
                    trouble = {"cluster": self.cluster, "error": error.details()}
                    if error.code() in _PASSING:
                        log.info("a registry took no word; it is said again", extra=trouble)
                        await asyncio.sleep(self._pace.backoff_maximum_seconds * self._draw())
                        self._say.set()
                        break
                    # said again it would be refused again, and hold up the others
                    log.error("a registry refuses our word", extra=trouble)
                if self._unsaid.get(key) is word:
                    del self._unsaid[key]
            await asyncio.sleep(SPEAK_PAUSE_SECONDS)

    async def report(self, report: StageReport) -> None:
        """Say how a staged change does. A word that is lost is said again by and by."""
        if self._stub is not None:
            await tell_stage(self._stub, self._link.address, self._settings, report)

    async def observe(self, report: SightReport) -> Quarantine | None:
        """Say what is seen of a cell; what the registry makes of it, if it took it."""
        if self._stub is None:
            return None
        return await tell_sight(self._stub, self._link.address, self._settings, report)


def _acknowledgement(settings: FrontendSettings, word: Word) -> messages.AcknowledgePlanRequest:
    position, finding = word.position, word.finding
    refusal = "" if finding is None else f"{finding.rule.value}: {finding.reason}"
    return messages.AcknowledgePlanRequest(
        frontend_id=settings.frontend_id,
        region=settings.region,
        cell=position.cell,
        epoch=position.epoch,
        generation=position.generation,
        verdict=_Verdict.VERDICT_REFUSED if finding else _Verdict.VERDICT_APPLIED,
        refusal=refusal[:REFUSAL_CHARACTERS],
        held=_held(word.held),
    )


def _held(held: Held) -> frontend_pb2.HeldNames | None:
    if not held:
        return None
    names = [f"namespaces/{key.replace('/', '/services/', 1)}" for key in told(held)]
    slowed = sum(is_slowed(kept.entry) for kept in held.values())
    reasons = []
    if slowed < len(held):
        number = _services(len(held) - slowed)
        reasons.append(f"{number} lost or emptied without a deletion: answered as known last")
    if slowed:
        number = _services(slowed)
        reasons.append(f"{number} losing endpoints too fast: they stay in the answers for a while")
    reason = "; ".join(reasons)
    return frontend_pb2.HeldNames(service_count=len(held), services=names, reason=reason)


def _services(count: int) -> str:
    return "1 service" if count == 1 else f"{count} services"
