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
from streamgauge.runtime.printable import printable
from streamgauge.warehouse.client import AsOf, Warehouse
from streamgauge.warehouse.sql import results


def sql(text: str, kind: Format, output: Path | None, as_of: AsOf | None = None, *, raw: bool = False) -> None:
    """Run one SELECT (`-` reads it from standard input), now or as of a past time, and write the result.

    Raises `QueryFailed` for what is wrong with the query, `UsageError` for wrong use and where no warehouse contents.
    """
    if kind == "parquet" and output is None:
        raise UsageError("--format parquet needs --output FILE.parquet")
    if raw and kind != "csv":
        raise UsageError("--raw goes with --format csv; the other formats are exact")
    text = sys.stdin.read() if text == "-" else text
    if not text.strip():
        raise UsageError("no SQL given")
    began = time.monotonic()
    with warehouse_errors(), Warehouse() as warehouse:
        if kind == "json":
            content = warehouse.fetch(text, results.JSON, as_of)
            with _sink(output) as file:
                file.write(content + b"\n")
        elif kind == "csv":
            content = results.to_csv(warehouse.query(text, as_of=as_of), guarded=not raw)
            if output is None and sys.stdout.isatty():
                content = "\n".join(map(printable, content.decode().split("\n"))).encode()
            with _sink(output) as file:
                file.write(content)
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
