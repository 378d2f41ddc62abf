"""`streamgauge sql`: one SELECT, its result as a table, JSON, CSV or Parquet."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet

from streamgauge.cli.output import Format, note
from streamgauge.cli.query.errors import warehouse_errors
from streamgauge.cli.query.table_output import SHOWN_ROWS, write
from streamgauge.runtime import files
from streamgauge.runtime.errors import UsageError
from streamgauge.warehouse.client import AsOf, Warehouse


def sql(text: str, kind: Format, output: Path | None, as_of: AsOf | None = None) -> None:
    """Run one SELECT (`-` reads it from standard input), now or as of a past time, and write the result.

    Raises `QueryFailed` for what is wrong with the query, `UsageError` for wrong use and where no warehouse contents.
    """
    if kind == "parquet" and output is None:
        raise UsageError("--format parquet needs --output FILE.parquet")
    text = sys.stdin.read() if text == "-" else text
    if not text.strip():
        raise UsageError("no SQL given")
    began = time.monotonic()
    with warehouse_errors(), Warehouse() as warehouse:
        if kind in ("json", "csv"):
            content = warehouse.fetch(text, "application/json" if kind == "json" else "text/csv", as_of)
            with _sink(output) as file:
                file.write(content if content.endswith(b"\n") else content + b"\n")
        else:
            rows = warehouse.query(text, as_of=as_of)
            seconds = time.monotonic() - began
            with _sink(output) as file:
                if kind == "parquet":
                    pa.parquet.write_table(rows, file)
                else:
                    write(rows, file)
            shown = f", the first {SHOWN_ROWS:,} shown" if kind == "table" and rows.num_rows > SHOWN_ROWS else ""
            note(f"{rows.num_rows:,} row{'' if rows.num_rows == 1 else 's'} in {seconds:.2f} s{shown}")
    for left_out in as_of.notes if as_of else ():
        note(left_out)


@contextmanager
def _sink(output: Path | None) -> Iterator[IO[bytes]]:
    """Standard output, or a file that takes its place when all is written."""
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with ExitStack() as stack:
        try:
            file = stack.enter_context(files.replacing(output))
        except OSError as error:
            raise UsageError(f"cannot write {output}: {error.strerror}") from None
        yield file
