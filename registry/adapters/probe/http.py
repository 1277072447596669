"""A probe that asks by HTTP/1.1, over TLS or not, and looks at the answer.

It reads no more than it needs: the head, and of the body the first 64 KiB if something
is to be found there. One request a connection, closed with a reset as in `tcp`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

from registry.adapters.probe.tcp import evidence_of, reset_on_close
from registry.domain.health import Evidence
from registry.domain.instance import IDENTITY_HEADER, Check, CheckKind, HttpCheck, Identity
from registry.domain.names import InstanceKey

HEAD_LIMIT = 16 * 1024
BODY_LIMIT = 64 * 1024
_FAILED_TO_ANSWER = (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What a target answered, as far as it was read."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case; the first of several of one name."""
    body: bytes = b""


class HttpProber:
    """Probes by HTTP and HTTPS. `trusted` is who may sign a certificate that has to bear a name."""

    def __init__(self, trusted: ssl.SSLContext) -> None:
        self._trusted = trusted
        self._unseen = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # A certificate for a name says nothing at a literal address. What tells that this is
        # the instance is `identity`; who wants the certificate looked at gives its name.
        self._unseen.check_hostname = False
        self._unseen.verify_mode = ssl.CERT_NONE

    async def probe(self, check: Check, address: str, key: InstanceKey) -> Evidence:
        """One try; see ports.Prober."""
        asked = check.http
        assert asked is not None, check
        try:
            async with asyncio.timeout(check.timeout_seconds):
                answer = await self._ask(check, asked, address)
        except TimeoutError:
            return Evidence.TIMEOUT
        except ssl.SSLCertVerificationError:
            # it answers, under a name that is not the instance's
            return Evidence.WRONG_IDENTITY
        except ssl.SSLError:
            return Evidence.NOT_SERVING
        except OSError as error:
            return evidence_of(error.errno or -1)
        except _FAILED_TO_ANSWER:
            return Evidence.NOT_SERVING
        return http_evidence(asked, check.identity, str(key), answer)

    async def _ask(self, check: Check, asked: HttpCheck, address: str) -> HttpAnswer:
        context = None
        if check.kind is CheckKind.HTTPS:
            context = self._trusted if check.tls_server_name else self._unseen
        reader, writer = await asyncio.open_connection(
            address,
            check.port,
            ssl=context,
            server_hostname=check.tls_server_name or None if context else None,
            limit=HEAD_LIMIT,
        )
        try:
            host = asked.host or (f"[{address}]" if ":" in address else address) + f":{check.port}"
            writer.write(
                f"GET {asked.path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: sheetanchor-probe\r\n"
                "Accept: */*\r\nConnection: close\r\n\r\n".encode("ascii")
            )
            answer = await _read_head(reader)
            if not asked.body_match:
                return answer
            body = await _read_body(reader, answer.headers)
            return HttpAnswer(answer.status, answer.headers, body)
        finally:
            reset_on_close(writer.get_extra_info("socket"))
            # not `close`: that would wait for the peer's side of TLS
            writer.transport.abort()


# http_evidence
#
#   identity asked  the header    status      body match  evidence
#   --------------  ------------  ----------  ----------  -----------------------------------
#   HEADER          another name  any         any         WRONG_IDENTITY
#   HEADER          missing       unexpected  any         NOT_SERVING: perhaps not its own words
#   HEADER          missing       expected    any         WRONG_IDENTITY: anybody answers 200
#   NONE, or right                unexpected  any         NOT_SERVING
#   NONE, or right                expected    not found   NOT_SERVING
#   NONE, or right                expected    found, or   VALIDATED
#                                             not asked
def http_evidence(asked: HttpCheck, identity: Identity, name: str, answer: HttpAnswer) -> Evidence:
    """What an answer says of the instance of that name (I12)."""
    expected = answer.status in asked.statuses if asked.statuses else 200 <= answer.status <= 299
    if identity is Identity.HEADER:
        said = answer.headers.get(IDENTITY_HEADER)
        if said != name and (said is not None or expected):
            return Evidence.WRONG_IDENTITY
    if not expected or asked.body_match.encode() not in answer.body:
        return Evidence.NOT_SERVING
    return Evidence.VALIDATED


async def _read_head(reader: asyncio.StreamReader) -> HttpAnswer:
    """Status line and headers (RFC 9112, 4 and 5); interim answers are passed over."""
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        status_line, *lines = head[:-4].decode("latin-1").split("\r\n")
        version, _, rest = status_line.partition(" ")
        if not version.startswith("HTTP/1.") or not (rest[:3].isascii() and rest[:3].isdigit()):
            raise ValueError("no HTTP/1 status line")
        status = int(rest[:3])
        if status >= 200:
            break
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers.setdefault(name.lower(), value.strip())
    return HttpAnswer(status, headers)


async def _read_body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    """The first BODY_LIMIT octets of the body (RFC 9112, 6.3)."""
    if headers.get("transfer-encoding", "").lower().endswith("chunked"):
        body = b""
        while len(body) < BODY_LIMIT:
            size_line = await reader.readuntil(b"\r\n")
            size = int(size_line.split(b";")[0], 16)
            if size <= 0:
                break
            wanted = min(size, BODY_LIMIT - len(body))
            body += await reader.readexactly(wanted)
            if wanted == size:
                await reader.readexactly(2)
        return body
    if "content-length" in headers:
        length = min(int(headers["content-length"]), BODY_LIMIT)
        return await reader.readexactly(max(length, 0))
    body = b""
    while len(body) < BODY_LIMIT and (more := await reader.read(BODY_LIMIT - len(body))):
        body += more
    return body
