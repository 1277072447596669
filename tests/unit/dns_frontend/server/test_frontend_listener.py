"""Both transports as one; above all, answering between two parts of other work."""

from __future__ import annotations

import logging
import socket
import sys

import dns.message
import pytest
from answer_samples import API_NAME, endpoint, entry, table

from dns_frontend.server.listener import SWITCH_SECONDS, Listener
from dns_frontend.server.responder import Responder
from dns_frontend.server.settings import ServerSettings, UdpLoop
from dns_frontend.server.udp import Batch

LOOPS = [
    pytest.param(UdpLoop.BATCH, marks=pytest.mark.skipif(Batch is None, reason="it was not built")),
    UdpLoop.PYTHON,
]


def listener(loop: UdpLoop) -> Listener:
    cells = {"east": [entry(endpoint("a"))], "west": []}
    return Listener(Responder(table(cells), settings=ServerSettings(udp_loop=loop)))


@pytest.mark.parametrize("loop", LOOPS)
async def test_what_has_come_is_answered_without_a_turn_of_the_event_loop(loop: UdpLoop) -> None:
    """All of this test runs in one turn of it but the start."""
    served = listener(loop)
    await served.start("127.0.0.1", 0)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(30)
            client.connect(served.address)
            served.answer_waiting()
            client.send(dns.message.make_query(API_NAME, "A").to_wire())
            served.answer_waiting()
            assert len(dns.message.from_wire(client.recv(4096)).answer) == 1
    finally:
        served.stop()
    served.answer_waiting()


async def test_a_thread_that_computes_lets_queries_in_sooner_than_python_would() -> None:
    """A base that is written beside must not be what each of them waits for."""
    before = sys.getswitchinterval()
    served = listener(UdpLoop.PYTHON)
    try:
        sys.setswitchinterval(0.005)
        await served.start("127.0.0.1", 0)
        assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)
    finally:
        served.stop()
        sys.setswitchinterval(before)


def test_nothing_waits_where_nothing_listens() -> None:
    listener(UdpLoop.PYTHON).answer_waiting()


async def test_a_mistake_in_answering_ends_no_other_work(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told, and the work goes on."""

    def fails() -> None:
        raise RuntimeError("a mistake of ours")

    served = listener(UdpLoop.PYTHON)
    await served.start("127.0.0.1", 0)
    try:
        monkeypatch.setattr(served._udp, "answer_waiting", fails)
        with caplog.at_level(logging.ERROR):
            served.answer_waiting()
        assert "what waits could not be answered" in caplog.text
    finally:
        served.stop()
