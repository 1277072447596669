"""What each name would answer if a region were lost, asked of live registries."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from dns_frontend.feed.decode import published_of
from dns_frontend.plan.diversion import in_time
from dns_frontend.plan.entry import ZONE_KEY, ServiceEntry, ServiceKey
from dns_frontend.plan.foresight import Foreseen, foresee
from dns_frontend.plan.guard import Limits
from dns_frontend.plan.rehearsal import Said
from sheetanchor.cli.admin import LARGEST_REPLY, Admin, failure_of
from sheetanchor.cli.exit_code import ExitCode
from sheetanchor.cli.group import Failure
from sheetanchor.cli.kind import kind_named
from sheetanchor.cli.output import print_json, print_table
from sheetanchor.client.errors import SheetanchorError
from sheetanchor.client.link import RegistryLink

COLUMNS = ("NAME", "CLIENTS OF", "NOW", "THEN", "")


def show(region: str, nodes: Sequence[tuple[str, ...]], *, json: bool) -> ExitCode:
    """Print it; FAILED when somebody would be left without a healthy endpoint."""
    try:
        said, regions = asyncio.run(_read(nodes))
    except SheetanchorError as error:
        raise failure_of(error) from error
    if region not in regions:
        known = ", ".join(regions)
        raise Failure(
            f"no cell of the registries is in {region}; there are: {known}", ExitCode.USAGE
        )
    found = foresee(said, region, regions)
    if json:
        print_json({"lost": region, "names": [_data(each) for each in found]})
    else:
        rows = [
            (
                each.key.entry,
                each.view,
                str(each.now),
                "the same" if each.then == each.now else str(each.then),
                "HARMED" if each.harmed else "",
            )
            for each in found
        ]
        print_table(COLUMNS, rows, nothing="no service is published")
    return ExitCode.FAILED if any(each.harmed for each in found) else ExitCode.OK


async def _read(
    clusters: Sequence[tuple[str, ...]],
) -> tuple[dict[ServiceKey, list[Said]], tuple[str, ...]]:
    """What the active plans of all cells say, and their regions in the order of clusters."""
    said: dict[ServiceKey, list[Said]] = {}
    regions: dict[str, None] = {}
    for nodes in clusters:
        async with RegistryLink(nodes, (LARGEST_REPLY,)) as link:
            admin = Admin(link)
            for cell in await admin.list_all(kind_named("cell")):
                regions[cell.region] = None
                name = cell.name.removeprefix("cells/")
                if cell.generation:
                    await _read_cell(admin, name, cell.region, cell.generation, said)
    return said, tuple(regions)


async def _read_cell(
    admin: Admin,
    cell: str,
    region: str,
    generation: int,
    said: dict[ServiceKey, list[Said]],
) -> None:
    plan: Any = await admin.call("GetPlan", name=f"cells/{cell}/plans/{generation}")
    entries: dict[str, ServiceEntry] = {}
    for service in plan.services:
        key = f"{service.namespace}/{service.service}"
        entry = published_of(key, service.SerializeToString(), Limits()).entry
        if entry is not None and not entry.tombstoned and entry.key != ZONE_KEY:
            entries[key] = entry
    for entry in in_time(entries, time.time(), 0.0).values():
        said.setdefault(entry.key, []).append(Said(cell, region, entry))


def _data(each: Foreseen) -> dict[str, Any]:
    return {
        "name": each.key.entry,
        "view": each.view,
        "now": {"serving_mode": each.now.mode.value, "endpoints": dict(each.now.regions)},
        "then": {"serving_mode": each.then.mode.value, "endpoints": dict(each.then.regions)},
        "harmed": each.harmed,
    }
