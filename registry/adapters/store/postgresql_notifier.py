"""Notices between the nodes of one PostgreSQL, by LISTEN and NOTIFY on one connection.

    connect, LISTEN
    prove it: send a word to oneself, and hear it            -> listening, MISSED is told
    send what was committed here, as it comes; prove it anew now and then
    at any fault: MISSED is told, a pause, from the beginning

A connection that accepts LISTEN need not deliver: a pool in between may give each statement
another session, a firewall may have forgotten the line. So only an echo counts.

NOTIFY is not part of the transactions that it speaks of. In there it would take one lock of
the whole server until the commit is on disk, for the sake of a word that nothing rests on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

import asyncpg
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from registry import telemetry
from registry.adapters.store.local_notifier import LocalNotifier
from registry.adapters.store.postgresql import CONNECT_ARGUMENTS
from registry.app.alarm import Alarm
from registry.domain.notice import Notice, Topic, parse_notice
from registry.ports import Clock

log = logging.getLogger(__name__)

CHANNEL = "sheetanchor"
ECHO = "echo"
PROVE_SECONDS = 10.0
"""How often the connection is proven to deliver."""
ECHO_SECONDS = 5.0
"""An echo that takes longer is none."""
FAREWELL_SECONDS = 1.0
"""What a node that goes down waits for its last words to be sent."""
GAP_SECONDS = 0.005
"""From one sending to the next, so that commits made together are told together."""
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0


class _EchoLost(Exception):
    """The connection takes words and does not deliver them."""


class PostgresqlNotifier(LocalNotifier):
    """`registry.ports.Notifier` for all nodes that share a database."""

    def __init__(
        self,
        url: URL,
        clock: Clock,
        random: Callable[[], float],
        *,
        prove_seconds: float = PROVE_SECONDS,
        echo_seconds: float = ECHO_SECONDS,
    ) -> None:
        super().__init__()
        self.is_listening = False
        self._url = url
        self._clock = clock
        self._random = random
        self._prove_seconds = prove_seconds
        self._echo_seconds = echo_seconds
        self._pid = 0
        """The server's number for our connection: what it sends comes back to it."""
        self._unsent: dict[tuple[Topic, str], Notice] = {}
        """What is to be told, of each kind the newest."""
        self._work = Alarm(clock)
        self._echoes = 0
        self._echoed = Alarm(clock)
        self._cut = False

    def __repr__(self) -> str:
        word = "listening" if self.is_listening else "not listening"
        return f"<PostgresqlNotifier {word}, {len(self._unsent)} unsent>"

    def tell(self, notice: Notice) -> None:
        """Wake the loops of this process now, and those of other nodes in a moment."""
        super().tell(notice)
        if self.is_listening:
            self._unsent[notice.topic, notice.scope] = notice
            self._work.ring()

    async def run(self) -> None:
        """Listen and send, for ever."""
        failures = 0
        while True:
            reason: Exception
            try:
                await self._serve()
            except (asyncpg.PostgresError, asyncpg.InterfaceError, _EchoLost) as error:
                reason = error
            except (SQLAlchemyError, TimeoutError, OSError) as error:
                reason = error
            finally:
                was_listening, self.is_listening = self.is_listening, False
                self._unsent.clear()
                telemetry.notices_listening.set(0)
            if was_listening:
                failures = 0
                # those who wait long because they would be told must not any more
                super().tell(Notice(Topic.MISSED))
            if failures == 0:
                log.warning(
                    "other nodes' commits are found by polling until notices come again",
                    extra={"reason": " ".join(f"{type(reason).__name__}: {reason}".split())},
                )
            pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**failures)
            failures = min(failures + 1, 10)
            # all nodes lost their connections at once, and need not come back at once
            await self._clock.sleep(pause * (0.5 + 0.5 * self._random()))

    async def _serve(self) -> NoReturn:
        engine = create_async_engine(self._url, poolclass=NullPool, connect_args=CONNECT_ARGUMENTS)
        try:
            async with engine.connect() as connection:
                line: Any = (await connection.get_raw_connection()).driver_connection
                try:
                    await self._talk(line)
                except BaseException:
                    # nothing is under way that a polite end would wait for
                    with suppress(Exception):
                        line.terminate()
                    raise
        finally:
            await engine.dispose()

    async def _talk(self, line: Any) -> NoReturn:
        self._cut = False
        self._pid = line.get_server_pid()
        line.add_termination_listener(self._hear_the_end)
        await line.add_listener(CHANNEL, self._hear)
        try:
            while True:
                await self._prove(line)
                if not self.is_listening:
                    self.is_listening = True
                    telemetry.notices_listening.set(1)
                    log.info("notices of other nodes' commits are listened for")
                    # what was committed while the line was down, here and there
                    self.tell(Notice(Topic.MISSED))
                proven_at = self._clock.monotonic()
                while True:
                    left = proven_at + self._prove_seconds - self._clock.monotonic()
                    if not await self._work.wait(left):
                        break
                    await self._send(line, self._echo_seconds)
                    await self._clock.sleep(GAP_SECONDS)
        except asyncio.CancelledError:
            # the last word of a node that goes down is for those who wait for its lead
            with suppress(Exception):
                await self._send(line, FAREWELL_SECONDS)
            raise

    async def _send(self, line: Any, timeout_seconds: float) -> None:
        if self._cut:
            raise asyncpg.InterfaceError("the server closed the connection")
        # what is told meanwhile, be it the same once more, is told after this
        sent, self._unsent = self._unsent, {}
        if not sent:
            return
        try:
            await line.execute(
                "SELECT pg_notify($1, text) FROM unnest(CAST($2 AS TEXT[])) AS k(text)",
                CHANNEL,
                [str(notice) for notice in sent.values()],
                timeout=timeout_seconds,
            )
        except BaseException:
            # cancelled, say: then it is sent with the last words
            self._unsent = sent | self._unsent
            raise

    async def _prove(self, line: Any) -> None:
        self._echoes += 1
        wanted = self._echoes
        await line.execute(
            "SELECT pg_notify($1, $2)", CHANNEL, f"{ECHO} {wanted}", timeout=self._echo_seconds
        )
        heard = await self._echoed.wait(self._echo_seconds)
        if self._cut:
            raise asyncpg.InterfaceError("the server closed the connection")
        if not heard:
            raise _EchoLost(f"no echo within {self._echo_seconds:g} s: does a pool lie between?")

    def _hear(self, _line: object, pid: int, _channel: str, text: str) -> None:
        if pid == self._pid:
            # this node's loops heard of it when it was committed
            if text == f"{ECHO} {self._echoes}":
                self._echoed.ring()
            return
        notice = parse_notice(text)
        if notice is not None:
            telemetry.notices_heard.add(1, {"topic": notice.topic.value})
            super().tell(notice)

    def _hear_the_end(self, _line: object) -> None:
        self._cut = True
        self._work.ring()
        self._echoed.ring()
