"""`sheetanchor dev`: a registry with a cell a region, and a DNS frontend a region, in one process.

For trying out and for developing against. Its frontends follow its registry over gRPC like
any others; what is missing against production is that regions fail apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sheetanchor.cli.dns import directory_trouble, frontend_settings, server_settings
from sheetanchor.cli.options import takes_settings
from sheetanchor.cli.registry import database_trouble, registry_settings
from sheetanchor.cli.settings import BadSetting
from sheetanchor.cli.value import Endpoint, endpoint

if TYPE_CHECKING:
    from dns_frontend.main import FrontendServer
    from registry.main import RegistryServer
    from sheetanchor.telemetry import StatusPage


@takes_settings("dev")
def dev(values: Mapping[str, Any]) -> None:
    """Run everything for all regions in one process, until SIGTERM or Ctrl-C."""
    import typer

    from dns_frontend.server.listener import DnsListenError
    from registry.adapters.rpc.server import GrpcListenError
    from sheetanchor import process
    from sheetanchor.cli.launch import starting, status_page, telemetry_settings

    first: Endpoint = values["dns"]
    last = first.port + len(values["regions"]) - 1
    if last > 65535:
        raise BadSetting(f"--dns: the last region's port would be {last}")
    status = status_page(values)
    telemetry = telemetry_settings(values, "sheetanchor-dev", "")
    with (
        starting("dev", values, grpc=GrpcListenError, dns=DnsListenError),
        database_trouble(),
        directory_trouble(),
    ):
        process.run(lambda: DevServer(values, status, typer.echo), telemetry, status=status)


class DevServer:
    """A registry, then a frontend for each region. Start it once, stop it once."""

    def __init__(
        self, values: Mapping[str, Any], status: StatusPage, say: Callable[[str], None]
    ) -> None:
        """Raises BadSetting."""
        from registry.main import RegistryServer

        self._values = values
        self._status = status
        self._say = say
        self._registry: RegistryServer = RegistryServer(
            registry_settings(values, migrate=True), status=status
        )
        self._frontends: dict[str, FrontendServer] = {}

    def __repr__(self) -> str:
        return f"<DevServer {self._registry!r} {list(self._frontends.values())}>"

    async def start(self) -> None:
        """Come up, and tell what to try. Raises as the servers' own `start`."""
        await self._registry.start()  # cleans up after itself, as the frontends do
        try:
            await self._start_frontends()
        except BaseException:
            await self.stop()
            raise

    async def _start_frontends(self) -> None:
        from dns_frontend.main import FrontendServer

        where: Endpoint = self._values["dns"]
        for number, region in enumerate(self._values["regions"]):
            port = where.port + number if where.port else 0
            registries = ((self._reachable(),),)
            settings = frontend_settings(
                self._values, region, registries, Endpoint(where.host, port)
            )
            server = FrontendServer(settings, server_settings(self._values), status=self._status)
            await server.start()
            self._frontends[region] = server
        self._say(self._advice())

    async def stop(self) -> None:
        """Go down backwards."""
        for server in reversed(self._frontends.values()):
            await server.stop()
        self._frontends.clear()
        await self._registry.stop()

    def _reachable(self) -> str:
        """Where this process reaches its own registry."""
        served = endpoint(self._registry.grpc_address)
        loopback = {"0.0.0.0": "127.0.0.1", "::": "::1"}
        return str(Endpoint(loopback.get(served.host, served.host), served.port))

    def _advice(self) -> str:
        zone = self._values["zone"]
        lines = ["", "sheetanchor dev is ready."]
        lines.append(f"  registry  {self._registry.grpc_address}")
        lines += [f"  dns       {s.dns_address}  {r}" for r, s in self._frontends.items()]
        lines.append(f"  status    http://{self._status.address}/readyz")
        region, server = next(iter(self._frontends.items()))
        at = endpoint(server.dns_address)
        registry = self._reachable()
        lines += [
            "Try, in another terminal:",
            f"  sheetanchor register hello --region {region} --address 127.0.0.2 --port 8080 \\",
            f"      --registry {registry} -- python3 -m http.server 8080 -b 127.0.0.2",
            f"  dig @{at.host} -p {at.port} hello.default.svc.{zone}",
            f"  sheetanchor list instances --registry {registry}",
            "",
        ]
        return "\n".join(lines)
