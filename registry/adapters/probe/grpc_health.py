"""A probe that asks the standard health service (grpc.health.v1), over TLS or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc
from grpc.aio import AioRpcError, insecure_channel, secure_channel
from grpc_health.v1 import health_pb2

from registry.domain.health import Evidence
from registry.domain.instance import IDENTITY_HEADER, Check, CheckKind, Identity
from registry.domain.names import InstanceKey

_CHECK = "/grpc.health.v1.Health/Check"
_OPTIONS: tuple[tuple[str, Any], ...] = (
    ("grpc.enable_retries", 0),
    # else two probes of one address would share a connection, and its state
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
    ("grpc.max_receive_message_length", 4096),
)
Pairs = Sequence[tuple[str, str | bytes]]


class GrpcProber:
    """Probes by gRPC. `roots` are the certificates that may sign a target's; None: gRPC's own."""

    def __init__(self, roots: bytes | None = None) -> None:
        self._credentials = grpc.ssl_channel_credentials(roots)

    async def probe(self, check: Check, address: str, key: InstanceKey) -> Evidence:
        """One try; see ports.Prober. A connection a try: that it can be had is part of it."""
        host = f"[{address}]" if ":" in address else address
        target = f"ipv6:{host}:{check.port}" if ":" in address else f"ipv4:{host}:{check.port}"
        if check.kind is CheckKind.GRPCS:
            named = ("grpc.ssl_target_name_override", check.tls_server_name)
            channel = secure_channel(target, self._credentials, options=(*_OPTIONS, named))
        else:
            channel = insecure_channel(target, options=_OPTIONS)
        about = str(key) if check.identity is Identity.HEALTH_SERVICE else check.grpc_service
        ask = channel.unary_unary(
            _CHECK,
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        call = ask(health_pb2.HealthCheckRequest(service=about), timeout=check.timeout_seconds)
        try:
            response = await call
            said = {*await call.initial_metadata(), *await call.trailing_metadata()}
        except AioRpcError as error:
            return failure_evidence(
                error.code(),
                error.details() or "",
                asked_by_name=check.identity is Identity.HEALTH_SERVICE,
            )
        finally:
            await channel.close()
        return answer_evidence(response.status, check.identity, str(key), tuple(said))


# failure_evidence
#
#   the call ended with           evidence
#   ----------------------------  ------------------------------------------------------
#   NOT_FOUND, asked by its name  WRONG_IDENTITY: this server never heard of the instance
#   UNAVAILABLE, refused or reset REFUSED
#   UNAVAILABLE, its certificate  WRONG_IDENTITY
#   UNAVAILABLE, else             TIMEOUT: there was no connection, which may be silence
#   DEADLINE_EXCEEDED             TIMEOUT
#   else                          NOT_SERVING: the server answered, and not with health
def failure_evidence(code: grpc.StatusCode, details: str, *, asked_by_name: bool) -> Evidence:
    """What the failure of a call says of the target."""
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return Evidence.TIMEOUT
    if code is grpc.StatusCode.NOT_FOUND and asked_by_name:
        return Evidence.WRONG_IDENTITY
    if code is not grpc.StatusCode.UNAVAILABLE:
        return Evidence.NOT_SERVING
    # gRPC hands on the kind of a failed connection in words only
    words = details.lower()
    if "certificate" in words or "hostname verification" in words or "not match" in words:
        return Evidence.WRONG_IDENTITY
    if "refused" in words or "reset" in words or "socket closed" in words:
        return Evidence.REFUSED
    return Evidence.TIMEOUT


# answer_evidence
#
#   identity asked           metadata            status       evidence
#   -----------------------  ------------------  -----------  --------------
#   METADATA                 another, or none    any          WRONG_IDENTITY
#   NONE, HEALTH_SERVICE,    any                 SERVING      VALIDATED
#   or METADATA as expected  any                 else         NOT_SERVING
def answer_evidence(status: int, identity: Identity, name: str, metadata: Pairs) -> Evidence:
    """What an answer says of the instance of that name (I12)."""
    if identity is Identity.METADATA and (IDENTITY_HEADER, name) not in metadata:
        return Evidence.WRONG_IDENTITY
    if status == health_pb2.HealthCheckResponse.SERVING:
        return Evidence.VALIDATED
    return Evidence.NOT_SERVING
