"""Run as a process: queries that make one huge value each, under the warehouse's limits; prints what became of each."""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from pathlib import Path

from streamgauge.catalog.loader import Catalog
from streamgauge.runtime import metrics
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse.sql.memory import MemoryWatch
from streamgauge.warehouse.sql.query_service import QueryRefused, QueryRequest, QueryService
from streamgauge.warehouse.store import Store, connect


def main(folder: Path, statements: list[str]) -> None:
    """Print a line of JSON for each statement (its rule, or `ok`, and seconds), then one with the peak in MB."""
    settings = Settings(data_dir=folder, warehouse_memory="200MB", sql_timeout_s=2.0)
    catalog = Catalog("test", {}, (), ())
    db = connect(settings)
    Store(db, catalog, "cluster")
    service = QueryService(db, settings, catalog)
    MemoryWatch(db, service.cut).follow(threading.Event())
    metrics.register("warehouse")
    for sql in statements:
        began = time.monotonic()
        try:
            service.query(QueryRequest(sql))
            rule = "ok"
        except QueryRefused as refused:
            rule = refused.rule
        print(json.dumps({"rule": rule, "seconds": time.monotonic() - began}), flush=True)
    print(json.dumps({"peak_mb": peak_mb()}), flush=True)


def peak_mb() -> int:
    """This program's peak. `getrusage` would give that of the process that started it, where it was greater."""
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) // 1024


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
