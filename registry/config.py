"""What one registry node is told, once, at its start.

Nothing here reads the environment: the command line builds these from its one
settings table and hands them down. The defaults are those of the documentation.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path

from registry.domain.names import CellName, RegionName, is_label
from registry.domain.stage import Pace


def run_name() -> str:
    """A node name unique to this run, so that a restarted node never passes for its former self."""
    return f"node-{secrets.token_hex(4)}"


@dataclass(frozen=True, slots=True)
class ReconcilerSettings:
    """The pace of planning and publishing."""

    leader_lease_seconds: float = 6.0
    """How long a node leads a cell without renewing; another may take over then."""
    debounce_seconds: float = 0.005
    """Wait after the first change, so that changes made together are published together."""
    full_pass_seconds: float = 10.0
    """Every service is planned anew this often, so that a lost event costs seconds only."""
    reap_after_seconds: float = 600.0
    """An instance whose lease ran out is kept this long for operators to see."""
    keep_generations: int = 64
    """The last so many plans of a cell are kept, though nobody needs them."""
    keep_seconds: float = 24 * 3600.0
    """Plans younger than this are kept as well."""
    frontend_away_seconds: float = 7 * 24 * 3600.0
    """A frontend silent for longer is not expected back, and no plan is kept for it."""
    stages: Pace = field(default_factory=Pace)
    """How changes of policy are tried on canary frontends."""
    clean_seconds: float = 60.0
    """How often plans that nobody can reach are deleted."""


@dataclass(frozen=True, slots=True)
class RegistrySettings:
    """One registry node."""

    data_dir: Path
    """Holds the SQLite database and its lock; made when missing."""
    regions: tuple[str, ...] = ("local",)
    """The regions that this registry owns; each has one cell of the same name."""
    other_regions: tuple[str, ...] = ()
    """The regions that other registries own, for policies to name."""
    database_url: str = ""
    """SQLAlchemy URL, `postgresql+asyncpg://...`; empty means SQLite in `data_dir`."""
    listen: str = "127.0.0.1:5310"
    """Where gRPC is served, `HOST:PORT`; port 0 takes a free one."""
    migrate: bool = False
    """Bring the database's schema up to date at start; else an old one is refused."""
    node: str = field(default_factory=run_name)
    """This run's name among the nodes of its cluster."""
    mirror_poll_seconds: float = 1.0
    """How often other nodes' changes are looked for."""
    checkpoint_seconds: float = 1.0
    """How often an idle watch stream is told that it is up to date."""
    history_revisions: int = 100_000
    """How many revisions a watch may be behind and still be resumed."""
    compact_seconds: float = 60.0
    """How often history older than that is forgotten."""
    probe_concurrency: int = 256
    """Health probes in slots at once; slow ones give their slots back."""
    probe_ca_file: Path | None = None
    """Certificates (PEM) that may sign a probed target's; None trusts the system's."""
    freeze_file: Path | None = None
    """While this file exists the automation of the cells named in it, or of all cells if it is
    empty, stands still; unset: `freeze` in `data_dir`."""
    reconciler: ReconcilerSettings = ReconcilerSettings()

    def __post_init__(self) -> None:
        """Refuse what cannot be meant. Raises ValueError."""
        if not self.regions:
            raise ValueError("regions: at least one is needed")
        for region in self.regions:
            if not is_label(region):
                raise ValueError(f"regions: {region!r} is not a DNS label")
        if self.reconciler.keep_generations < 2:
            raise ValueError("keep_generations: at least two, so that one can be rolled back to")
        if len(set(self.regions)) != len(self.regions):
            raise ValueError("regions: one is named twice")
        for region in self.other_regions:
            if not is_label(region):
                raise ValueError(f"other_regions: {region!r} is not a DNS label")
            if region in self.regions:
                raise ValueError(
                    f"other_regions: {region!r} is among regions too; a region has one registry "
                    "that owns it, so take it out of either"
                )
        if len(set(self.other_regions)) != len(self.other_regions):
            raise ValueError("other_regions: one is named twice")

    @property
    def known_regions(self) -> tuple[str, ...]:
        """All regions that there are, as far as this registry was told."""
        return tuple(dict.fromkeys((*self.regions, *self.other_regions)))

    @property
    def cells(self) -> dict[CellName, RegionName]:
        """The cells that this registry owns, with their regions."""
        return {CellName(region): RegionName(region) for region in self.regions}
