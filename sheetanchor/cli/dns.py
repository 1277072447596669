"""`sheetanchor dns`: one DNS frontend as this process. Loads neither SQL nor the registry."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sheetanchor.cli.exit_code import ExitCode
from sheetanchor.cli.group import Failure
from sheetanchor.cli.options import takes_settings
from sheetanchor.cli.settings import BadSetting
from sheetanchor.cli.value import Endpoint

if TYPE_CHECKING:
    from dns_frontend.config import FrontendSettings
    from dns_frontend.server.settings import ServerSettings

WILDCARDS = ("0.0.0.0", "::")


@takes_settings("dns")
def dns(values: Mapping[str, Any]) -> None:
    """Run a DNS frontend, until SIGTERM or Ctrl-C."""
    from dns_frontend.main import run
    from dns_frontend.server.listener import DnsListenError
    from sheetanchor.cli.launch import starting, status_page, telemetry_settings

    settings = frontend_settings(values, home_region(values), values["registries"], values["dns"])
    telemetry = telemetry_settings(values, "sheetanchor-dns", settings.frontend_id)
    with starting("the DNS frontend", values, dns=DnsListenError), directory_trouble():
        run(settings, telemetry, server_settings(values), status=status_page(values))


def home_region(values: Mapping[str, Any]) -> str:
    """The region that the frontend stands in. Raises BadSetting when that is not clear."""
    region, regions = values["region"], values["regions"]
    if region is None and len(regions) > 1:
        raise BadSetting("--region: must be given when --regions has several")
    return str(region or regions[0])


def frontend_settings(
    values: Mapping[str, Any],
    region: str,
    registries: tuple[tuple[str, ...], ...],
    where: Endpoint,
) -> FrontendSettings:
    """What a frontend is told. Raises BadSetting."""
    from dns_frontend.config import FrontendSettings
    from dns_frontend.plan.role import Role
    from dns_frontend.plan.view import ClientRegions
    from dns_frontend.plan.zone import ZoneSettings
    from sheetanchor.cli.launch import checked

    own = "127.0.0.1" if where.host in WILDCARDS else where.host
    with checked():
        settings = FrontendSettings(
            frontend_id=values.get("frontend_id") or default_id(socket.gethostname(), where.port),
            region=region,
            regions=values["regions"],
            registries=registries,
            data_dir=values["data_dir"] / f"dns-{region}",
            zone=values["zone"],
            host=where.host,
            port=where.port,
            advertise_address=values.get("advertise_address") or own,
            networks=values["networks"],
            reverse_networks=values["reverse_networks"],
            stale_seconds=values["stale_after"],
            role=Role.CANARY if values.get("canary") else Role.SERVING,
            probe=bool(values.get("probe")),
            workers=workers(values.get("workers", 1)),
        )
        assert ZoneSettings(settings.zone).labels
        try:
            ClientRegions(settings.networks)
        except ValueError as error:
            raise ValueError(f"networks: {error}") from error
    return settings


def workers(count: int) -> int:
    """So many processes; for 0, one for each core that this one may use."""
    return count or len(os.sched_getaffinity(0))


def server_settings(values: Mapping[str, Any]) -> ServerSettings:
    """How queries are answered; what `dev` has no option for has its default.

    Raises BadSetting.
    """
    from dns_frontend.server.rates import RateLimits
    from dns_frontend.server.secret import SecretFileError, parse
    from dns_frontend.server.settings import ServerSettings, UdpLoop
    from dns_frontend.server.udp import Batch
    from sheetanchor.cli.launch import checked

    forwarders = values["trusted_forwarders"]
    if "rate_limit" not in values:
        return ServerSettings(trusted_forwarders=forwarders)
    limits = RateLimits(values["rate_limit"], values["rate_slip"])
    if values["rate_exempt"]:
        limits = replace(limits, exempt=values["rate_exempt"])
    secrets = values["cookie_secrets"]
    with checked():
        if secrets is not None:
            try:
                parse(secrets.read_text("ascii", "replace"))
            except (OSError, SecretFileError) as error:
                raise ValueError(f"cookie_secrets: {secrets}: {error}") from error
        loop = UdpLoop(values["udp_loop"])
        if loop is UdpLoop.BATCH and Batch is None:
            raise ValueError("udp_loop: batch was not built; a C compiler at install builds it")
        return ServerSettings(
            trusted_forwarders=forwarders,
            server_name=values["server_name"] or "",
            identity=values["identity"],
            cookie_secrets=secrets,
            octets_without_cookie=values["octets_without_cookie"],
            rates=limits,
            udp_loop=loop,
        )


def default_id(host: str, port: int) -> str:
    """A frontend's name where none is given: no two of one machine share a port."""
    plain = re.sub(r"[^a-z0-9.-]", "-", host.lower())
    return f"{plain[:57]}-{port}"


@contextmanager
def directory_trouble() -> Iterator[None]:
    """Turn a data directory in use into one line and an exit code."""
    from dns_frontend.feed.lkg import DirectoryInUseError

    try:
        yield
    except DirectoryInUseError as error:
        raise Failure(f"the DNS frontend cannot start: {error}", ExitCode.IN_USE) from error
