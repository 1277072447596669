"""Alive, ready and draining are three answers."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from sheetanchor.telemetry import StatusPage, status
from sheetanchor.telemetry.status import CONNECTIONS


@pytest.fixture
def page() -> Iterator[StatusPage]:
    """A page of its own, on a free port."""
    served = StatusPage()
    served.start()
    yield served
    served.stop()


def get(page: StatusPage, path: str, method: str = "GET") -> tuple[int, str]:
    """The status and body of a request."""
    request = urllib.request.Request(f"http://{page.address}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def ready(page: StatusPage) -> tuple[int, Any]:
    """The status and body of /readyz."""
    status, body = get(page, "/readyz")
    return status, json.loads(body)


def test_it_is_alive_and_ready_without_any_check(page: StatusPage) -> None:
    assert get(page, "/livez")[0] == 200
    assert ready(page) == (200, {"status": "ready", "checks": {}})


def test_one_failing_check_makes_it_not_ready_and_says_why(page: StatusPage) -> None:
    page.add_check("mirror", lambda: "")
    page.add_check("store", lambda: "does not answer")
    status, body = ready(page)
    assert status == 503
    assert body == {"status": "not ready", "checks": {"mirror": "ok", "store": "does not answer"}}
    assert get(page, "/livez")[0] == 200


def test_a_broken_check_has_failed(page: StatusPage) -> None:
    page.add_check("odd", lambda: str(1 / 0))
    status, body = ready(page)
    assert status == 503
    assert "ZeroDivisionError" in body["checks"]["odd"]


def test_a_removed_check_counts_no_more(page: StatusPage) -> None:
    page.add_check("store", lambda: "does not answer")
    page.remove_check("store")
    page.remove_check("store")
    assert ready(page)[0] == 200


def test_draining_is_alive_but_not_ready(page: StatusPage) -> None:
    page.drain()
    status, body = ready(page)
    assert (status, body["status"]) == (503, "draining")
    assert get(page, "/livez")[0] == 200


def test_metrics_are_there_for_prometheus(page: StatusPage) -> None:
    status, body = get(page, "/metrics")
    assert status == 200
    assert "# HELP process_cpu_seconds_total" in body


@pytest.mark.parametrize(("path", "method", "status"), [("/", "GET", 404), ("/livez", "POST", 405)])
def test_anything_else_is_refused(page: StatusPage, path: str, method: str, status: int) -> None:
    assert get(page, path, method)[0] == status


def test_it_also_listens_on_ipv6() -> None:
    page = StatusPage("::1")
    page.start()
    try:
        assert page.address.startswith("[::1]:")
        assert get(page, "/livez")[0] == 200
    finally:
        page.stop()


def test_who_connects_and_says_nothing_takes_no_more_than_its_share(
    page: StatusPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many do: the oldest go, and who asks is answered."""
    monkeypatch.setattr(status._Handler, "timeout", 600)
    monkeypatch.setattr(status, "_ROOM_SECONDS", 60.0)  # however long a thread stands still
    host, _, port = page.address.rpartition(":")
    with contextlib.ExitStack() as stack:
        waiting = [
            stack.enter_context(socket.create_connection((host, int(port)), timeout=60))
            for _ in range(3 * CONNECTIONS)
        ]
        deadline = time.monotonic() + 60.0
        while len(waiting) > CONNECTIONS:
            # what can be read is an end, since nothing was asked
            ended = select.select(waiting, (), (), deadline - time.monotonic())[0]
            assert ended, "all stay"
            waiting = [each for each in waiting if each not in ended]
        assert get(page, "/livez")[0] == 200
