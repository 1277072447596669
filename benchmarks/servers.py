"""The command lines of the two servers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def registry_arguments(
    data_dir: Path,
    grpc_port: int,
    http_port: int,
    regions: Sequence[str],
    database_url: str = "",
) -> list[str]:
    """Runs a registry node on 127.0.0.1 that makes its own schema."""
    found = ["sheetanchor", "registry", "--migrate", "--data-dir", str(data_dir)]
    found += ["--grpc", f"127.0.0.1:{grpc_port}", "--http", f"127.0.0.1:{http_port}"]
    found += ["--regions", ",".join(regions)]
    return [*found, "--database-url", database_url] if database_url else found


def dns_arguments(
    data_dir: Path,
    dns_port: int,
    http_port: int,
    *,
    region: str,
    regions: Sequence[str],
    registries: Sequence[str],
) -> list[str]:
    """Runs a frontend on 127.0.0.1; each of `registries` is a cluster, `HOST:PORT[,HOST:PORT]`."""
    found = ["sheetanchor", "dns", "--data-dir", str(data_dir), "--region", region]
    found += ["--dns", f"127.0.0.1:{dns_port}", "--http", f"127.0.0.1:{http_port}"]
    found += ["--regions", ",".join(regions)]
    for cluster in registries:
        found += ["--registry", cluster]
    return found
