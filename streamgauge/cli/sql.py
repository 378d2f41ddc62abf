"""`streamgauge sql` and `streamgauge snapshot`."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet

from streamgauge.cli.main import Format
from streamgauge.cli.table_output import SHOWN_ROWS, write
from streamgauge.runtime.errors import StreamgaugeError, UsageError
from streamgauge.warehouse.client import AsOf, QueryError, Warehouse, WarehouseUnavailable


class QueryFailed(StreamgaugeError):
    """The query was refused or failed; the message is one line."""


def sql(text: str, kind: Format, output: Path | None, as_of: AsOf | None = None) -> None:
    """Run one SELECT (`-` reads it from standard input), now or as of a past time, and write the answer.

    Raises `QueryFailed` for what is wrong with the query, `UsageError` for wrong use and where no warehouse answers.
    """
    if kind is Format.parquet and output is None:
        raise UsageError("parquet is a file: say where with --output FILE.parquet")
    text = sys.stdin.read() if text == "-" else text
    if not text.strip():
        raise UsageError("no SQL given")
    began = time.monotonic()
    with one_line(), Warehouse() as warehouse:
        if kind in (Format.json, Format.csv):
            answer = warehouse.fetch(text, "application/json" if kind is Format.json else "text/csv", as_of)
            with _sink(output) as file:
                file.write(answer if answer.endswith(b"\n") else answer + b"\n")
        else:
            rows = warehouse.query(text, as_of=as_of)
            seconds = time.monotonic() - began
            with _sink(output) as file:
                if kind is Format.parquet:
                    pa.parquet.write_table(rows, file)
                else:
                    write(rows, file)
            shown = f", the first {SHOWN_ROWS:,} shown" if kind is Format.table and rows.num_rows > SHOWN_ROWS else ""
            sys.stderr.write(f"{rows.num_rows:,} row{'' if rows.num_rows == 1 else 's'} in {seconds:.2f} s{shown}\n")
    for note in as_of.notes if as_of else ():
        sys.stderr.write(f"{note}\n")


def snapshot(path: Path, *, force: bool) -> None:
    """Write a consistent copy of the warehouse. Raises `UsageError` for an existing file unless `force`."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a file in it")
    if path.exists() and not force:
        raise UsageError(f"{path} exists; choose another name, or --force to replace it")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"there is no folder {path.absolute().parent}")
    began = time.monotonic()
    with one_line():
        size = Warehouse().snapshot(path)
    sys.stdout.write(
        f"{path}: {size / 1e6:,.1f} MB in {time.monotonic() - began:.1f} s; "
        f"open it with any DuckDB tool, e.g. `duckdb -readonly {path}`\n"
    )


@contextmanager
def one_line() -> Iterator[None]:
    """The warehouse's errors as ours: one line each, a missing warehouse as wrong use (exit code 2)."""
    try:
        yield
    except WarehouseUnavailable as error:
        raise UsageError(str(error)) from None
    except QueryError as error:
        # DuckDB repeats the statement with a caret below; that is no use in one line.
        message = str(error).partition("\nLINE ")[0]
        raise QueryFailed(" ".join(message.split())) from None


@contextmanager
def _sink(output: Path | None) -> Iterator[IO[bytes]]:
    """Standard output, or a file that is there whole or not at all."""
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        folder = output.absolute().parent
        part = tempfile.NamedTemporaryFile(dir=folder, prefix=f".{output.name}.", delete=False)  # noqa: SIM115
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror}") from None
    try:
        with part:
            yield part
        os.chmod(part.name, 0o666 & ~_umask())
        os.replace(part.name, output)
    except BaseException:
        os.unlink(part.name)
        raise


def _umask() -> int:
    """It can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
