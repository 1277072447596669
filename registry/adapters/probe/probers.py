"""The prober for each kind of check."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path

from registry.adapters.probe.grpc_health import GrpcProber
from registry.adapters.probe.http import HttpProber
from registry.adapters.probe.tcp import TcpProber
from registry.domain.health import Evidence
from registry.domain.instance import Check, CheckKind
from registry.domain.names import InstanceKey
from registry.ports import Prober


class Probers:
    """Hands each check to the prober that can make it."""

    def __init__(self, by_kind: Mapping[CheckKind, Prober]) -> None:
        self._by_kind = by_kind

    async def probe(self, check: Check, address: str, key: InstanceKey) -> Evidence:
        """One try; see ports.Prober."""
        return await self._by_kind[check.kind].probe(check, address, key)


def system_probers(ca_file: Path | None = None) -> Probers:
    """Probers by real sockets.

    `ca_file` holds the certificates (PEM) that may sign a target's certificate; without one
    the system's do. Raises OSError, which names it, or ssl.SSLError when it cannot be read.
    """
    roots = None if ca_file is None else ca_file.read_bytes()
    trusted = ssl.create_default_context(cafile=ca_file)
    tcp, http, grpc = TcpProber(), HttpProber(trusted), GrpcProber(roots)
    return Probers(
        {
            CheckKind.NONE: tcp,
            CheckKind.TCP: tcp,
            CheckKind.HTTP: http,
            CheckKind.HTTPS: http,
            CheckKind.GRPC: grpc,
            CheckKind.GRPCS: grpc,
        }
    )
