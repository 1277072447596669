"""A DNS frontend in this process, on real sockets, and questions to it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import dns.asyncquery
import dns.message

from dns_frontend.config import FeedSettings, FrontendSettings
from dns_frontend.main import FrontendServer
from dns_frontend.plan.role import Role

QUICK = FeedSettings(
    connect_timeout_seconds=5.0,
    silence_seconds=8.0,
    backoff_minimum_seconds=0.02,
    backoff_maximum_seconds=0.2,
    disk_patience_seconds=30.0,
    disk_retry_seconds=0.05,
)
"""Waits as short as a test wants them, and patience for a registry, and for a disk, on a busy
machine: what is answered is on disk."""


def settings(
    directory: Path, *clusters: tuple[str, ...], regions: tuple[str, ...] = ("eu",)
) -> FrontendSettings:
    """A frontend of the region eu."""
    return FrontendSettings(
        "dns-1", "eu", regions, clusters, directory, port=0, feed=replace(QUICK)
    )


def query(service: str, kind: str = "A") -> dns.message.Message:
    """A question with EDNS and an id that is always the same."""
    return dns.message.make_query(f"{service}.shop.svc.anchor.internal.", kind, use_edns=0, id=7)


async def ask(frontend: FrontendServer, service: str, kind: str = "A") -> dns.message.Message:
    """The reply to a question over UDP."""
    host, _, port = frontend.dns_address.rpartition(":")
    return await dns.asyncquery.udp(query(service, kind), host, port=int(port), timeout=30)


async def addresses(frontend: FrontendServer, service: str) -> list[str]:
    """The A records of a service."""
    reply = await ask(frontend, service)
    return sorted(record.address for records in reply.answer for record in records)


async def octets(frontend: FrontendServer, *services: str) -> dict[tuple[str, str], bytes]:
    """The replies as they are, for all types."""
    return {
        (service, kind): (await ask(frontend, service, kind)).to_wire()
        for service in services
        for kind in ("A", "AAAA", "SRV", "TXT")
    }


def canary_settings(
    directory: Path, *clusters: tuple[str, ...], regions: tuple[str, ...] = ("eu", "us", "ap")
) -> FrontendSettings:
    """A canary of the region eu that speaks often."""
    made = settings(directory, *clusters, regions=regions)
    return replace(
        made,
        frontend_id="canary",
        role=Role.CANARY,
        feed=replace(made.feed, rehearsal_seconds=0.1),
    )
