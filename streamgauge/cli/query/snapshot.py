"""`streamgauge snapshot`: a consistent copy of the warehouse."""

from __future__ import annotations

import time
from pathlib import Path

from streamgauge.cli import output
from streamgauge.cli.query.errors import warehouse_errors
from streamgauge.runtime.errors import UsageError
from streamgauge.warehouse.client import Warehouse


def snapshot(path: Path, *, force: bool) -> None:
    """Write a consistent copy of the warehouse. Raises `UsageError` for an existing file unless `force`."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a file in it")
    if path.exists() and not force:
        raise UsageError(f"{path} exists; choose another name, or --force to replace it")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"there is no folder {path.absolute().parent}")
    began = time.monotonic()
    with warehouse_errors():
        size = Warehouse().snapshot(path)
    output.line(
        f"{path}: {size / 1e6:,.1f} MB in {time.monotonic() - began:.1f} s; "
        f"open it with any DuckDB tool, e.g. `duckdb -readonly {path}`"
    )
