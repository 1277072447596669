"""HTTP and HTTPS probes of real servers, and what each answer says."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from certificates import Certificate, self_signed

from registry.adapters.probe.http import HttpAnswer, HttpProber, http_evidence
from registry.adapters.probe.probers import system_probers
from registry.domain.health import Evidence
from registry.domain.instance import Check, CheckKind, HttpCheck, Identity
from registry.domain.names import InstanceId, InstanceKey, NamespaceId, ServiceId

KEY = InstanceKey(NamespaceId("shop"), ServiceId("cart"), InstanceId("i1"))
NAME = "namespaces/shop/services/cart/instances/i1"
OTHER = "namespaces/shop/services/cart/instances/i2"
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


class Site:
    """Answers every connection with the same octets, and keeps what it was asked."""

    def __init__(self, answer: bytes, *, closes: bool) -> None:
        self.answer, self.closes = answer, closes
        self.asked: list[bytes] = []
        self.port = 0
        self.first = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.asked.append(await reader.read(65536))
            self.first.set()
            writer.write(self.answer)
            await writer.drain()
            if not self.closes:
                await reader.read()
        except OSError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(
    answer: bytes = HELLO, *, closes: bool = False, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Site]:
    site = Site(answer, closes=closes)
    server = await asyncio.start_server(site.serve, "127.0.0.1", 0, ssl=tls)
    site.port = server.sockets[0].getsockname()[1]
    try:
        yield site
    finally:
        server.close()


def check(port: int, kind: CheckKind = CheckKind.HTTP, **fields: object) -> Check:
    http = {name: fields.pop(name) for name in list(fields) if name in HttpCheck.__slots__}
    return Check(kind, port, timeout_seconds=30.0, http=HttpCheck(**http), **fields)  # type: ignore[arg-type]  # fields by their names


async def probe(wanted: Check) -> Evidence:
    return await system_probers().probe(wanted, "127.0.0.1", KEY)


async def test_a_server_that_answers_200_is_validated_without_waiting_for_its_end() -> None:
    async with serving() as site:
        assert await probe(check(site.port)) is Evidence.VALIDATED


async def test_path_host_and_query_are_sent_as_asked() -> None:
    async with serving() as site:
        await probe(check(site.port, path="/healthz?deep=1", host="cart.example"))
        head = site.asked[0].decode()
        assert head.startswith("GET /healthz?deep=1 HTTP/1.1\r\n")
        assert "\r\nHost: cart.example\r\n" in head


@pytest.mark.parametrize(
    ("answer", "wanted", "evidence"),
    [
        (b"HTTP/1.1 503 No\r\n\r\n", {}, Evidence.NOT_SERVING),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", {}, Evidence.NOT_SERVING),
        (b"HTTP/1.1 302 Found\r\n\r\n", {"statuses": (301, 302)}, Evidence.VALIDATED),
        (b"HTTP/1.1 200 OK\r\n\r\n", {"statuses": (204,)}, Evidence.NOT_SERVING),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 Fine\r\n\r\n", {}, Evidence.VALIDATED),
        (HELLO, {"body_match": "ell"}, Evidence.VALIDATED),
        (HELLO, {"body_match": "bye"}, Evidence.NOT_SERVING),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
            {"body_match": "hello"},
            Evidence.VALIDATED,
        ),
        (b"SSH-2.0-OpenSSH_9\r\n\r\n", {}, Evidence.NOT_SERVING),
        (b"x" * 100_000, {}, Evidence.NOT_SERVING),
        (b"", {}, Evidence.NOT_SERVING),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel",
            {"body_match": "hello"},
            Evidence.NOT_SERVING,
        ),
        (b"HTTP/1.1 200 OK\r\n\r\nhello", {"body_match": "hello"}, Evidence.VALIDATED),
    ],
)
async def test_what_a_server_answers_is_told_apart(
    answer: bytes, wanted: dict[str, object], evidence: Evidence
) -> None:
    async with serving(answer, closes=True) as site:
        assert await probe(check(site.port, **wanted)) is evidence


async def test_a_server_that_accepts_and_says_nothing_is_silent() -> None:
    async with serving(b"") as site:
        wanted = Check(CheckKind.HTTP, site.port, timeout_seconds=0.1, http=HttpCheck())
        assert await probe(wanted) is Evidence.TIMEOUT


async def test_a_closed_port_refuses() -> None:
    async with serving() as site:
        port = site.port
    assert await probe(check(port)) is Evidence.REFUSED


@pytest.mark.parametrize(
    ("identity", "header", "status", "body", "evidence"),
    [
        (Identity.HEADER, OTHER, 200, b"ok", Evidence.WRONG_IDENTITY),
        (Identity.HEADER, OTHER, 503, b"", Evidence.WRONG_IDENTITY),
        (Identity.HEADER, None, 503, b"", Evidence.NOT_SERVING),
        (Identity.HEADER, None, 200, b"ok", Evidence.WRONG_IDENTITY),
        (Identity.HEADER, NAME, 503, b"ok", Evidence.NOT_SERVING),
        (Identity.HEADER, NAME, 200, b"no", Evidence.NOT_SERVING),
        (Identity.HEADER, NAME, 200, b"is ok", Evidence.VALIDATED),
        (Identity.NONE, OTHER, 200, b"ok", Evidence.VALIDATED),
        (Identity.NONE, None, 404, b"ok", Evidence.NOT_SERVING),
        (Identity.NONE, None, 299, b"", Evidence.NOT_SERVING),
        (Identity.NONE, None, 300, b"ok", Evidence.NOT_SERVING),
    ],
)
def test_every_row_of_the_answers_table(
    identity: Identity, header: str | None, status: int, body: bytes, evidence: Evidence
) -> None:
    headers = {} if header is None else {"sheetanchor-identity": header}
    answer = HttpAnswer(status, headers, body)
    assert http_evidence(HttpCheck(body_match="ok"), identity, NAME, answer) is evidence


async def test_another_service_at_a_reused_address_has_the_wrong_identity() -> None:
    theirs = b"HTTP/1.1 200 OK\r\nSheetanchor-Identity: " + OTHER.encode() + b"\r\n\r\n"
    async with serving(theirs) as site:
        wanted = check(site.port, identity=Identity.HEADER)
        assert await probe(wanted) is Evidence.WRONG_IDENTITY
        site.answer = theirs.replace(OTHER.encode(), NAME.encode())
        assert await probe(wanted) is Evidence.VALIDATED


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return self_signed(tmp_path_factory.mktemp("tls"), "cart.example")


@pytest.mark.parametrize(
    ("name", "trusts", "evidence"),
    [
        ("", False, Evidence.VALIDATED),
        ("cart.example", True, Evidence.VALIDATED),
        ("cart.example", False, Evidence.WRONG_IDENTITY),
        ("basket.example", True, Evidence.WRONG_IDENTITY),
    ],
)
async def test_a_certificate_is_looked_at_when_its_name_is_given(
    certificate: Certificate, name: str, trusts: bool, evidence: Evidence
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    async with serving(tls=context) as site:
        prober = system_probers(certificate.cert if trusts else None)
        wanted = check(site.port, CheckKind.HTTPS, tls_server_name=name)
        assert await prober.probe(wanted, "127.0.0.1", KEY) is evidence


async def test_https_to_a_server_without_tls_is_an_answer_that_says_no() -> None:
    async with serving(b"HTTP/1.0 400 Bad\r\n\r\n", closes=True) as site:
        assert await probe(check(site.port, CheckKind.HTTPS)) is Evidence.NOT_SERVING


async def test_a_cancelled_probe_closes_its_connection() -> None:
    async with serving(b"") as site:
        prober = HttpProber(ssl.create_default_context())
        task = asyncio.create_task(prober.probe(check(site.port), "127.0.0.1", KEY))
        await site.first.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
