"""SQL that would take all memory or all time: it ends at its limit, and merges and other queries go on."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx

from streamgauge.warehouse.client import QueryError, Warehouse, WarehouseUnavailable
from tests.proof.injection import Record, injection
from tests.proof.pipeline import Pipeline, pipeline
from tests.support.waiting import wait_until

MEMORY_GIB, TIMEOUT_S = 1.0, 5.0
HUGE = (
    "SELECT len(range(2000000000))",
    "SELECT len(generate_series(1, 1000000000))",
    "SELECT len(format('{:>1000000000}', 'x'))",
    "SELECT len(repeat('x', 2000000000))",
    "SELECT len(lpad('x', 2000000000, 'y'))",
    "SELECT len(string_agg(a.range::VARCHAR, ',')) FROM range(100000) a, range(10000) b",
    "SELECT len(list(a.range)) FROM range(100000) a, range(20000) b",
    "SELECT count(*) FROM range(1000000) a, range(1000000) b, range(1000000) c",
    "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r",
    "SELECT a.range, b.range FROM range(100000) a, range(100000) b ORDER BY hash(a.range, b.range)",
    "SELECT * FROM range(100000000)",
    "SELECT len(list_transform(range(300000000), x -> x + 1))",
    "SELECT bit_count(bitstring('1', 2000000000))",
    "SELECT len(printf('%1000000000s', 'x'))",
    "SELECT len(array_to_string(list_value('x', 'y'), repeat('z', 1900000000)))",
    "SELECT len(replace(repeat('a', 50000), 'a', repeat('b', 50000)))",
)


class Peak:
    """Watches the warehouse's memory, and how long an innocent query of another client takes."""

    def __init__(self, shop: Pipeline) -> None:
        self.mib = self.slowest_s = 0.0
        self.refused = self.queries = 0
        self._shop, self._stop = shop, threading.Event()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._memory, self._queries)]
        for thread in self._threads:
            thread.start()

    def _memory(self) -> None:
        while not self._stop.wait(0.05):
            self.mib = max(self.mib, self._shop.running["warehouse"].memory_mib())

    def _queries(self) -> None:
        with Warehouse(self._shop.rig.settings, lane="pages") as client:
            while not self._stop.wait(0.2):
                began = time.monotonic()
                self.queries += 1
                try:
                    client.query("SELECT count(*) FROM order_events")
                except (QueryError, WarehouseUnavailable):
                    self.refused += 1
                self.slowest_s = max(self.slowest_s, time.monotonic() - began)

    def stop(self) -> None:
        """End both."""
        self._stop.set()
        for thread in self._threads:
            thread.join(30)


def ended(sql: str, shop: Pipeline) -> tuple[str, float]:
    """How the query ended, and after how many seconds."""
    began = time.monotonic()
    try:
        with Warehouse(shop.rig.settings) as client:
            client.query(sql)
        how = "a result"
    except QueryError as error:
        how = error.rule
    except (WarehouseUnavailable, httpx.HTTPError) as error:
        how = type(error).__name__
    return how, time.monotonic() - began


@injection(
    "sql-exhaustion",
    f"{len(HUGE)} queries that make one huge value, endless rows or endless work, one by one and four at a time",
    limit_s=480,
)
def sql_exhaustion(record: Record) -> None:
    """Each ends within its time limit and two seconds, and memory stays below twice the limit."""
    with pipeline(record, warehouse_memory="1GB", sql_timeout_s=TIMEOUT_S) as shop:
        idle_mib = shop.running["warehouse"].memory_mib()
        peak, slowest = Peak(shop), 0.0
        for sql in HUGE:
            # What no interrupt ends makes the warehouse start anew.
            wait_until(lambda: shop.visible() >= 0, "the warehouse answers", 120)
            how, seconds = ended(sql, shop)
            record.injected(f"{how} after {seconds:.1f} s, peak {peak.mib:,.0f} MiB: {sql}")
            record.require(seconds <= TIMEOUT_S + 3.0, f"{seconds:.1f} s, {how}: {sql}")
            slowest = max(slowest, seconds)
        with ThreadPoolExecutor(4) as pool:
            for how, seconds in pool.map(lambda sql: ended(sql, shop), HUGE):
                record.injected(f"{how} after {seconds:.1f} s, of four, peak {peak.mib:,.0f} MiB")
        peak.stop()
        record.require(peak.mib / 1_024 < 2 * MEMORY_GIB + idle_mib / 1_024, f"peak memory {peak.mib:,.0f} MiB")
        record.require(peak.slowest_s < TIMEOUT_S, f"another client's query took {peak.slowest_s:.1f} s")
        record.note(
            f"Peak memory {peak.mib:,.0f} MiB with a limit of 1 GB and {idle_mib:,.0f} MiB before; the slowest ended "
            f"after {slowest:.1f} s with a limit of {TIMEOUT_S:g} s; another client's slowest {peak.slowest_s:.1f} s, "
            f"{peak.refused} of its {peak.queries} refused"
        )
        shop.wait_back()
        shop.compare()
