"""`sheetanchor registry`: one registry node as this process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sheetanchor.cli.exit_code import ExitCode
from sheetanchor.cli.group import Failure
from sheetanchor.cli.options import takes_settings
from sheetanchor.cli.settings import BadSetting

if TYPE_CHECKING:
    from registry.config import RegistrySettings


@takes_settings("registry")
def registry(values: Mapping[str, Any]) -> None:
    """Run a registry node, until SIGTERM or Ctrl-C."""
    from registry.adapters.rpc.server import GrpcListenError
    from registry.main import run
    from sheetanchor.cli.launch import starting, status_page, telemetry_settings

    settings = registry_settings(values)
    telemetry = telemetry_settings(values, "sheetanchor-registry", settings.node)
    with starting("the registry", values, grpc=GrpcListenError), database_trouble():
        run(settings, telemetry, status=status_page(values))


def registry_settings(values: Mapping[str, Any], *, migrate: bool = False) -> RegistrySettings:
    """What the node is told. Raises BadSetting."""
    from registry.adapters.store.factory import database_url
    from registry.config import ReconcilerSettings, RegistrySettings
    from registry.domain.stage import Pace
    from sheetanchor.cli.launch import checked

    with checked(), database_trouble():
        settings = RegistrySettings(
            data_dir=values["data_dir"],
            regions=values["regions"],
            other_regions=values.get("other_regions") or (),
            database_url=values.get("database_url") or "",
            listen=str(values["grpc"]),
            probe_ca_file=values.get("probe_ca_file"),
            reconciler=(
                ReconcilerSettings(stages=Pace(bake_seconds=values["bake"]))
                if "bake" in values
                else ReconcilerSettings()
            ),
            migrate=migrate or bool(values.get("migrate")),
        )
        # judged here, before anything is started
        database_url(settings.database_url, settings.data_dir)
    return settings


@contextmanager
def database_trouble() -> Iterator[None]:
    """Turn what the registry's start raises about its database into one line and an exit code."""
    from registry.domain.errors import InvalidField, SchemaOutdated, StoreUnavailable

    try:
        yield
    except SchemaOutdated as error:
        raise Failure(error.message, ExitCode.SCHEMA_OUTDATED) from error
    except StoreUnavailable as error:
        # only the holder of a lock is known by its process id
        code = ExitCode.IN_USE if "pid" in error.details else ExitCode.CANNOT_START
        raise Failure(f"the registry cannot start: {error.message}", code) from error
    except InvalidField as error:
        faults = "; ".join(violation.description for violation in error.violations)
        raise BadSetting(f"--database-url: {faults}") from error
