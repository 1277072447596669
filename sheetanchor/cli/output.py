"""What verbs print: one JSON document, or a table.

At a terminal a table is fitted to its width and its head is bold, unless NO_COLOR is set;
elsewhere it is plain text, whole words and one line a row, for grep and awk.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import typer

GAP = "  "


def as_data(message: Any) -> dict[str, Any]:
    """A message as its JSON mapping, with the contract's field names and all plain fields."""
    from google.protobuf.json_format import MessageToDict

    found: dict[str, Any] = MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return _in_order(message.DESCRIPTOR, found)


def _in_order(descriptor: Any, data: dict[str, Any]) -> dict[str, Any]:
    """The fields in the contract's order, which the mapping does not keep."""
    found: dict[str, Any] = {}
    for field in descriptor.fields:
        if field.name not in data:
            continue
        value = data[field.name]
        inner = field.message_type
        # a map, a Timestamp and a Duration are mapped to something of their own
        if inner is None or inner.GetOptions().map_entry or inner.file.package != "sheetanchor.v1":
            found[field.name] = value
        elif isinstance(value, list):
            found[field.name] = [_in_order(inner, item) for item in value]
        else:
            found[field.name] = _in_order(inner, value)
    return found


def print_json(data: Any, *, one_line: bool = False) -> None:
    """One document."""
    typer.echo(json.dumps(data, indent=None if one_line else 2, ensure_ascii=False))


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    nothing: str,
    prose: Collection[str] = (),
) -> None:
    """A table, or `nothing` on standard error when there are no rows.

    Where a terminal is too narrow the columns of `prose` are wrapped, and no other.
    """
    lines = [tuple(row) for row in rows]
    if not lines:
        typer.echo(nothing, err=True)
    elif sys.stdout.isatty():
        _print_rich(columns, lines, prose)
    else:
        for line in plain_lines(columns, lines):
            typer.echo(line)


def plain_lines(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The table as text, in columns as wide as their widest cell."""
    table = [tuple(columns), *rows]
    widths = [max(len(row[index]) for row in table) for index in range(len(columns))]
    return [
        GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]


def details(data: dict[str, Any], indent: str = "") -> list[str]:
    """A resource as lines of `field: value`, its parts indented below their field."""
    lines: list[str] = []
    for key, value in data.items():
        match value:
            case {}:
                if value:
                    lines += [f"{indent}{key}:", *details(value, indent + "  ")]
            case [{}, *_]:
                lines.append(f"{indent}{key}:")
                for item in value:
                    inner = details(item, indent + "    ")
                    lines += [f"{indent}  - {inner[0].lstrip()}" if inner else f"{indent}  -"]
                    lines += inner[1:]
            case list():
                if value:
                    lines.append(f"{indent}{key}: {', '.join(map(str, value))}")
            case "" | None:
                pass
            case _:
                lines.append(
                    f"{indent}{key}: {json.dumps(value) if value in (True, False) else value}"
                )
    return lines


def _print_rich(
    columns: Sequence[str], rows: Sequence[Sequence[str]], prose: Collection[str]
) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # an empty style would be the library's own, which is bold
    style = "none" if os.environ.get("NO_COLOR") else "bold"
    table = Table(box=None, pad_edge=False, padding=(0, len(GAP), 0, 0), header_style=style)
    for column in columns:
        whole = bool(prose) and column not in prose
        table.add_column(column, header_style=style, overflow="fold", no_wrap=whole)
    for row in rows:
        # what owners wrote is no markup of ours
        table.add_row(*(Text(cell) for cell in row))
    Console(no_color=bool(os.environ.get("NO_COLOR")), highlight=False).print(table)
