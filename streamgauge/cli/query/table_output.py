"""Query result as a table for people: numbers unformatted and aligned right, times UTC, nested values as JSON."""

from __future__ import annotations

import io
import sys
from typing import IO, Any

import pyarrow as pa
from rich.table import Table

from streamgauge.cli.terminal import Screen, Text
from streamgauge.warehouse.sql.results import text, values

# A longer table is slow to lay out, and nobody reads it.
SHOWN_ROWS = 1_000
_NULL = Text("NULL", style="dim")


def write(rows: pa.Table, file: IO[bytes]) -> None:
    """Write a table; one record below the other where it is too wide for the terminal."""
    on_terminal = file is sys.stdout.buffer and sys.stdout.isatty()
    head = rows.slice(0, SHOWN_ROWS)
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for field in rows.schema:
        number = pa.types.is_integer(field.type) or pa.types.is_floating(field.type) or pa.types.is_decimal(field.type)
        grid.add_column(Text(field.name), justify="right" if number else "left", no_wrap=True)
    cells = [[_cell(value) for value in values(head.column(index))] for index in range(head.num_columns)]
    for row in zip(*cells, strict=True):
        grid.add_row(*row)
    console = Screen()
    wide = console.measure(grid, options=console.options.update(width=1_000_000)).maximum
    if on_terminal and wide > console.width:
        names = [Text(field.name, style="bold") for field in rows.schema]
        grid = Table(box=None, pad_edge=False, show_header=False)
        for row in zip(*cells, strict=True):
            for name, cell in zip(names, row, strict=True):
                grid.add_row(name, cell)
            grid.add_section()
            grid.add_row()
    if on_terminal:
        console.print(grid)
        return
    plain = io.StringIO()
    Screen(plain, width=max(wide, 1)).print(grid)
    file.write("\n".join(line.rstrip() for line in plain.getvalue().splitlines()).encode() + b"\n")


def _cell(value: Any) -> Text:
    plain = text(value)
    return _NULL if plain is None else Text(plain)
