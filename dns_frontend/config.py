"""What one DNS frontend is told, once, at its start.

Nothing here reads the environment: the command line builds this from its one settings
table and hands it down. The defaults are those of the documentation.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from pathlib import Path

from dns_frontend.plan.role import Role

_LABEL = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_FRONTEND_ID = re.compile(r"[a-z0-9.-]{1,63}", re.ASCII)


WORKERS_MAXIMUM = 256


@dataclass(frozen=True, slots=True)
class FeedSettings:
    """The pace of following registries."""

    connect_timeout_seconds: float = 5.0
    """How long an address may take to send its first word before the next one is tried."""
    silence_seconds: float = 10.0
    """A stream that says nothing for so long (checkpoints come each second) is given up."""
    backoff_minimum_seconds: float = 0.1
    """Wait before the second try; doubles with each failure, and is cut at random by up to half."""
    backoff_maximum_seconds: float = 5.0
    """The longest wait between two tries."""
    suspicion_seconds: float = 300.0
    """A generation that looks like an accident, yet may be meant, is held back this long."""
    soak_seconds: float = 120.0
    """A generation is a known good after it was served, and survived, for so long."""
    good_interval_seconds: float = 600.0
    """From one known good of a cell to its next."""
    disk_patience_seconds: float = 1.0
    """A generation waits so long for the disk; then it is served from memory, with an alarm."""
    disk_retry_seconds: float = 5.0
    """How often a failing disk is tried again."""
    rehearsal_seconds: float = 2.0
    """How often a canary tries staged changes, and says how they do."""


@dataclass(frozen=True, slots=True)
class FrontendSettings:
    """One DNS frontend."""

    frontend_id: str
    """Its name towards registries, stable over restarts: 1 to 63 of `[a-z0-9.-]`."""
    region: str
    """The region it stands in."""
    regions: tuple[str, ...]
    """All regions, in the default order of failover; its own is among them.

    Names are denied only when the cells of all of these are loaded (I17).
    """
    registries: tuple[tuple[str, ...], ...]
    """Registry clusters, each as the `HOST:PORT` of its nodes, which are tried in turn."""
    data_dir: Path
    """Holds the last known good; made when missing; for one frontend alone."""
    zone: str = "anchor.internal."
    """The zone that it is authoritative for."""
    host: str = "127.0.0.1"
    """Address that DNS is served at, over UDP and TCP."""
    port: int = 5300
    """Port of both; 0 takes a free one."""
    advertise_address: str = "127.0.0.1"
    """The address that the zone's own name server record shows, IPv4 or IPv6."""
    networks: tuple[tuple[str, str], ...] = ()
    """Which region clients are in: (CIDR, region), the longest prefix wins."""
    reverse_networks: tuple[str, ...] = ()
    """Networks (CIDR) whose reverse zones are answered as well."""
    stale_seconds: float = 300.0
    """A region of which nothing was confirmed for longer has its answers marked as stale."""
    role: Role = Role.SERVING
    """Whether it acts on staged changes before the others do."""
    probe: bool = False
    """Whether it tries endpoints itself, and tells their registries what it sees (I14)."""
    workers: int = 1
    """Processes that answer, the one that follows the registries included."""
    feed: FeedSettings = field(default_factory=FeedSettings)

    def __post_init__(self) -> None:
        """Refuse what cannot be meant (I39). Raises ValueError that names the setting."""
        if not _FRONTEND_ID.fullmatch(self.frontend_id):
            raise ValueError(f"frontend_id: {self.frontend_id!r} is not 1 to 63 of [a-z0-9.-]")
        for region in self.regions:
            if not _LABEL.fullmatch(region):
                raise ValueError(f"regions: {region!r} is not a DNS label")
        if len(set(self.regions)) != len(self.regions):
            raise ValueError("regions: one is named twice")
        if self.region not in self.regions:
            regions = ", ".join(self.regions)
            raise ValueError(f"region: {self.region!r} is not among regions {regions}")
        if not self.registries or not all(self.registries):
            raise ValueError("registries: each cluster needs at least one address")
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port: {self.port} is not 0 to 65535")
        try:
            ipaddress.ip_address(self.advertise_address)
        except ValueError as error:
            raise ValueError(f"advertise_address: {error}") from None
        for cidr in self.reverse_networks:
            try:
                ipaddress.ip_network(cidr)
            except ValueError as error:
                raise ValueError(f"reverse_networks: {error}") from None
        if not 1 <= self.workers <= WORKERS_MAXIMUM:
            raise ValueError(
                f"workers: {self.workers} is not 1 to {WORKERS_MAXIMUM}; more than there are cores "
                "answer no faster, and each costs memory of its own. 0 takes one for each core"
            )
        if self.stale_seconds <= 0:
            raise ValueError(f"stale_seconds: {self.stale_seconds} is not above 0")
        for cidr, region in self.networks:
            try:
                ipaddress.ip_network(cidr)
            except ValueError as error:
                raise ValueError(f"networks: {error}") from None
            if region not in self.regions:
                raise ValueError(f"networks: {cidr} is in {region!r}, which is not among regions")
