"""A hard limit of the process's memory, which the kernel enforces, and a watch over what it has.

DuckDB's `memory_limit` covers pages, hash tables and sorts, not single values: `range(2000000000)` is one value of
16 GB, and lambdas, `format` or `regexp_replace` make others, in more ways than could be listed. Beyond this limit the
allocation fails, and with it the query that wanted it; what others have stays (docs/adr/0011-limits-of-queries.md).

The kernel counts what is reserved, and allocators keep reserved what they have freed. So the limit follows: what is
reserved at the moment, and what may still be filled.
"""

from __future__ import annotations

import logging
import resource
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import duckdb

from streamgauge.warehouse.rows import first

# Beyond DuckDB's own limit, and as much as that within these bounds: results as Arrow and as JSON, and what was fetched
# from Kafka and not merged yet.
LEAST_HEADROOM_BYTES, MOST_HEADROOM_BYTES = 512 * 1024 * 1024, 1_024 * 1024 * 1024
# Always left to others than the query that takes all: the writer, Kafka's client, the answers' threads (8 MiB each).
SPARE_BYTES = 256 * 1024 * 1024
EVERY_S = 0.1
log = logging.getLogger("streamgauge")


class MemoryWatch:
    """Keeps this process's memory near what it is allowed; `cut` ends the queries that run, where it is too much."""

    def __init__(self, db: duckdb.DuckDBPyConnection, cut: Callable[[], int]) -> None:
        row = first(db, "SELECT parse_formatted_bytes(current_setting('memory_limit'))")
        self._cut = cut
        duckdb_limit = int(row[0] if row else 0)
        headroom = min(max(duckdb_limit, LEAST_HEADROOM_BYTES), MOST_HEADROOM_BYTES)
        self.allowed = _status()["VmRSS"] + duckdb_limit + headroom

    def check(self) -> None:
        """Set the limit anew, and end the running queries where more is filled than allowed."""
        now = _status()
        left = self.allowed - now["VmRSS"]
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        wanted = now["VmData"] + max(left, SPARE_BYTES)
        resource.setrlimit(
            resource.RLIMIT_DATA, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard)
        )
        if left < 0 and (ended := self._cut()):
            log.warning("the memory is used up (%d MB): %d queries are cut", now["VmRSS"] >> 20, ended)

    def follow(self, stop: threading.Event) -> None:
        """Check every tenth of a second on a thread, until `stop`; does nothing where the kernel is not Linux."""
        if sys.platform != "linux":
            return

        def loop() -> None:
            while not stop.wait(EVERY_S):
                self.check()

        self.check()
        threading.Thread(target=loop, name="memory", daemon=True).start()


def _status() -> dict[str, int]:
    """This process's memory by the kernel's names, in bytes."""
    rows = (line.split() for line in Path("/proc/self/status").read_text().splitlines() if line.endswith(" kB"))
    return {row[0].rstrip(":"): int(row[1]) * 1024 for row in rows}
