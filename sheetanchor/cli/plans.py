"""`sheetanchor plans [show]`: the plan chain of each cell, and which frontends follow it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sheetanchor.cli.age import ago
from sheetanchor.cli.kind import kind_named, short_name, told
from sheetanchor.cli.look import Json
from sheetanchor.cli.options import takes_settings
from sheetanchor.cli.output import as_data, print_json, print_table

if TYPE_CHECKING:
    from sheetanchor.cli.admin import Admin

CHAIN = ("GENERATION", "PARENT", "EPOCH", "SERVICES", "ENDPOINTS", "REVISION", "AGE")
FOLLOWERS = ("FRONTEND", "REGION", "APPLIED", "STANDING", "SINCE")


@takes_settings("plans")
def plans(
    values: Mapping[str, Any],
    cell: Annotated[str, typer.Argument(metavar="[CELL]", help="Default: all cells.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many of each chain.")] = 5,
    json: Json = False,
) -> None:
    """Show the head of each cell's plan chain, and which frontends applied, lag or refused it.

    `show` need not be typed, but for a cell that is called like a verb.
    """
    from sheetanchor.cli.admin import ask

    found = ask(values["registry"], lambda admin: _read(admin, cell, limit))
    if json:
        print_json(
            {
                "cells": [
                    {
                        "cell": as_data(head),
                        "plans": [as_data(plan) for plan in chain],
                        "frontends": [as_data(frontend) for frontend in frontends],
                    }
                    for head, chain, frontends in found
                ]
            }
        )
        return
    now = time.time()
    for number, (head, chain, frontends) in enumerate(found):
        if number:
            typer.echo()
        _print_cell(head, chain, frontends, now)


async def _read(admin: Admin, cell: str, limit: int) -> list[tuple[Any, list[Any], list[Any]]]:
    cells, plan, frontend = kind_named("cell"), kind_named("plan"), kind_named("frontend")
    if cell:
        heads = [await admin.get(cells, cells.full_name(cell))]
    else:
        heads = await admin.list_all(cells)
    frontends = await admin.list_all(frontend)
    return [
        (
            head,
            await admin.list_all(plan, head.name, limit),
            [each for each in frontends if _standing_in(each, head) is not None],
        )
        for head in heads
    ]


def standing(applied: int, refused: int, head: int) -> str:
    """How a frontend stands to the head of a cell, in words.

    | refused         | applied      |                                   |
    |-----------------|--------------|-----------------------------------|
    | applied, above  |              | it refused; why is told beside    |
    |                 | head         | it acknowledged                   |
    |                 | below        | it lags by so many generations    |
    |                 | above        | it is ahead: the head was read first |

    What is applied is refused when an operator pins another, or the frontend died of it; its
    next acknowledgement ends that.
    """
    if refused and refused >= applied:
        return f"refused {refused}"
    if applied >= head:
        return "acknowledged"
    return f"lags by {head - applied}"


def _service(name: str) -> str:
    _, namespace, _, service = name.split("/")
    return f"{namespace}/{service}"


def _standing_in(frontend: Any, head: Any) -> Any:
    cell = short_name(head.name)
    return next((each for each in frontend.cells if each.cell == cell), None)


def _print_cell(head: Any, chain: Sequence[Any], frontends: Sequence[Any], now: float) -> None:
    leader = f"led by {head.leader}" if head.leader else "without a leader"
    if head.frozen:
        leader = f"frozen: {told(head.frozen)}"
    typer.echo(
        f"cell {short_name(head.name)}, region {head.region}: generation {head.generation}, "
        f"epoch {head.epoch}, {leader}"
    )
    if head.freeze_file:
        typer.echo(f"stopped at the node that was asked by the file {head.freeze_file}")
    for entry in head.refused_entries:
        service, why = short_name(entry.service), told(entry.reason)
        typer.echo(f"{service} is not published, and stays as it was: {entry.rule}: {why}")
    rows = [
        (
            f"{plan.generation}{' head' if plan.generation == head.generation else ''}",
            str(plan.parent_generation),
            str(plan.epoch),
            str(plan.service_count),
            str(plan.endpoint_count),
            str(plan.revision),
            ago(plan, "create_time", now),
        )
        for plan in chain
    ]
    print_table(CHAIN, rows, nothing="No plan was published yet.")
    remarks: list[str] = []
    followers: list[tuple[str, ...]] = []
    for frontend in frontends:
        at = _standing_in(frontend, head)
        name = short_name(frontend.name)
        word = standing(at.generation, at.refused_generation, head.generation)
        followers.append(
            (name, frontend.region, str(at.generation), word, ago(at, "update_time", now))
        )
        if at.refusal and at.refused_generation >= at.generation:
            remarks.append(f"{name} refused {at.refused_generation}: {at.refusal}")
        if at.held.service_count:
            services = ", ".join(_service(each) for each in at.held.services)
            remarks.append(f"{name} holds {services}: {at.held.reason}")
    print_table(FOLLOWERS, followers, nothing="No frontend follows it.")
    for remark in remarks:
        typer.echo(remark)
