"""kill -9 of frontends: what was answered before is answered after, with nobody to ask.

Rounds: a few by default; `KILL_ROUNDS=200 make test ARGS=tests/e2e/test_frontend_kill.py`.
"""

from __future__ import annotations

import asyncio
import os

import dns.exception
import pytest
from churn import Churn
from installation import ZONE, Installation, Server, addresses, answer_bytes, ask, gauge

from benchmarks.process import wait_for

NAMES = tuple(f"s{number}.default.svc.{ZONE}" for number in range(7))
ROUNDS = int(os.environ.get("KILL_ROUNDS", "4"))


@pytest.fixture
def registry(installation: Installation) -> Server:
    """A registry."""
    found = installation.registry("registry", "east")
    found.start()
    return found


@pytest.fixture
def frontend(installation: Installation, registry: Server) -> Server:
    """A frontend that follows it, and calls nothing stale however long the rounds take."""
    found = installation.frontend("frontend", "east", ["east"], [registry])
    found.process.environment = {"SHEETANCHOR_STALE_AFTER": "86400"}
    found.start()
    return found


QUESTIONS = [
    *((name, kind) for name in NAMES for kind in ("A", "AAAA", "SRV", "TXT")),
    *((f"_main._tcp.{name}", "SRV") for name in NAMES),
    *((name.replace(".svc.", ".svc.east.region."), "A") for name in NAMES),
    (ZONE, "SOA"),
    (ZONE, "NS"),
    (f"nobody.default.svc.{ZONE}", "A"),
    (f"svc.{ZONE}", "A"),
]


async def fill(registry: Server, frontend: Server) -> Churn:
    """Register some instances of each name, and wait until DNS has them."""
    churn = Churn(registry.address, 300, seed=1)
    async with churn.working():
        await churn.until(lambda: len(churn.book.alive) >= 40)
    for name in NAMES:
        await asyncio.to_thread(wait_for, name, lambda name=name: addresses(frontend, name))
    return churn


@pytest.mark.timeout(300 + ROUNDS * 15)
async def test_answers_are_the_same_bytes_after_kill_9_without_any_registry(
    registry: Server, frontend: Server
) -> None:
    """Every answer, positive or negative, over UDP and TCP, is what it was, its ID apart (I16)."""
    await fill(registry, frontend)
    registry.kill()
    # what the registry said last may not have been served yet
    await asyncio.to_thread(
        wait_for, "it sees nobody", lambda: gauge(frontend, "frontend_feed_connected") == {0.0}
    )
    before: dict[tuple[str, str, bool], bytes] = {}

    def all_answers() -> dict[tuple[str, str, bool], bytes]:
        return {
            (name, kind, tcp): answer_bytes(frontend, name, kind, tcp=tcp)
            for name, kind in QUESTIONS
            for tcp in (False, True)
        }

    def are_settled() -> bool:
        nonlocal before
        former, before = before, all_answers()
        return former == before

    await asyncio.to_thread(wait_for, "answers that stay", are_settled)
    assert {ask(frontend, name, "A").rcode() for name in NAMES} == {0}
    for _ in range(ROUNDS):
        await asyncio.to_thread(frontend.restart)
        assert await asyncio.to_thread(all_answers) == before


@pytest.mark.timeout(300 + ROUNDS * 15)
async def test_frontend_killed_amid_publications_comes_back_with_every_name(
    registry: Server, frontend: Server
) -> None:
    """Whatever moment it dies at, its file is whole, and no name that was served is lost (I7)."""
    churn = await fill(registry, frontend)
    for _ in range(ROUNDS):
        async with churn.working():
            known = len(churn.book.alive)
            await churn.until(lambda known=known: len(churn.book.alive) > known + 20)
            frontend.kill()
        registry.kill()
        await asyncio.to_thread(frontend.start)
        empty = [name for name in NAMES if not addresses(frontend, name)]
        assert empty == []
        await asyncio.to_thread(registry.start)
        await churn.settle()


async def test_frontend_without_a_snapshot_says_servfail(installation: Installation) -> None:
    """With neither a registry nor a file it denies nothing: SERVFAIL and EDE 14 (I17)."""
    nobody = installation.registry("nobody", "east")
    frontend = installation.frontend("frontend", "east", ["east"], [nobody])
    frontend.start(wait=False)

    def reply_comes() -> bool:
        try:
            ask(frontend, NAMES[0], "A")
        except (OSError, dns.exception.DNSException):
            return False
        return True

    await asyncio.to_thread(wait_for, "an answer", reply_comes)
    reply = await asyncio.to_thread(ask, frontend, NAMES[0], "A")
    assert reply.rcode() == 2
    assert [option.code for option in reply.extended_errors()] == [14]
