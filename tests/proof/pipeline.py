"""The pipeline that faults are injected into: generator, analytics and warehouse on a broker, with the ledger as truth.

The generator counts what the broker acknowledged; a reader of `analytics` counts each delta that it receives. At the
end raw rows, dead letters, windows and latest rows are compared with the ledger.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from streamgauge.cli.local.kafka.node import LocalKafka
from streamgauge.warehouse.client import QueryError, Warehouse
from tests.chaos.delta_reader import DeltaReader
from tests.chaos.kills import analytics_at_work
from tests.proof.injection import Record
from tests.proof.words import last_words
from tests.support import audit
from tests.support.figures import figure
from tests.support.rig import Rig, Worker, new_rig
from tests.support.waiting import wait_until

BACK_S = 300.0
STANDING_S = 60.0


@dataclass(frozen=True)
class Options:
    """The share of invalid events, settings of the warehouse alone, and another broker."""

    invalid: float = 0.01
    warehouse: Mapping[str, Any] = field(default_factory=dict)
    kafka: type[LocalKafka] = LocalKafka


class Pipeline:
    """Workers by name in `running`: `warehouse`, `analytics-0`, …; `generator` publishes until `compare`."""

    def __init__(self, rig: Rig, record: Record, replicas: int, rate: int, options: Options) -> None:
        self.rig, self.record = rig, record
        self.running: dict[str, Worker] = {"warehouse": rig.start("warehouse", **options.warehouse)}
        for number in range(replicas):
            self.running[f"analytics-{number}"] = rig.start("process", "analytics", ready=number == 0)
        self.reader = DeltaReader(rig.kafka.bootstrap)
        self.sql = Warehouse(rig.settings)
        self._ledger = rig.folder / "ledger.json"
        shares = ("--invalid", str(options.invalid), "--late", "0.02", "--ledger", str(self._ledger))
        self.generator = rig.start("generate", "--rate", str(rate), *shares)
        self.wait_at_work()

    def wait_at_work(self) -> None:
        """Wait until every worker is ready and past its first batch or merge."""
        for name, worker in self.running.items():
            wait_until(lambda worker=worker: analytics_at_work(worker), f"{name} at work", 120, alive=worker.process)  # type: ignore[misc]

    def restart(self, name: str) -> None:
        """kill -9 of a worker, and start it again without waiting."""
        self.running[name] = self.rig.restart(self.running[name])

    def wait_back(self, timeout_s: float = BACK_S) -> None:
        """Measure how long it takes until orders of every partition that are published from now on are visible."""
        since = int(time.time() * 1_000)
        sql = f"SELECT count(DISTINCT kafka_partition) FROM order_events WHERE epoch_ms(kafka_timestamp) > {since}"
        with self.record.coming_back():
            wait_until(lambda: self.figure(sql) >= 6, "new orders of every partition visible", timeout_s)

    @property
    def token(self) -> str:
        """The token of the SQL server."""
        return self.rig.settings.token_file.read_text().strip()

    def figure(self, sql: str) -> int:
        """The one integer that a query returns; -1 where the warehouse does not answer or refuses."""
        try:
            return figure(self.sql, sql)
        except QueryError:
            return -1

    def visible(self) -> int:
        """Messages of the generator's streams that the tables count; -1 where the warehouse does not answer."""
        return self.counted(f"stream IN {tuple(audit.RAW)}")

    def counted(self, condition: str) -> int:
        """Messages that the tables count of the streams under an SQL condition; -1 where no warehouse answers."""
        return self.figure(f"SELECT sum(events)::BIGINT FROM stream_windows WHERE {condition}")

    def compare(self, bad: Mapping[str, tuple[str, int]] | None = None) -> dict[str, Any]:
        """Stop the generator, wait until everything it published is visible, and record what is lost or repeated.

        `bad` has what else was published: by stream the reason and the number of bad events. Returns the ledger. Waits
        for as long as the tables grow, and `STANDING_S` after they last did.
        """
        code = self.generator.stop()
        self.record.require(code == 0, f"the generator ended with {code}")
        ledger: dict[str, Any] = json.loads(self._ledger.read_text())
        for stream, (reason, count) in (bad or {}).items():
            ledger["produced"] += count
            ledger["streams"][stream]["produced"] += count
            invalid = ledger["streams"][stream]["invalid"]
            invalid[reason] = invalid.get(reason, 0) + count
        produced = ledger["produced"]
        most, since = -1, time.monotonic()
        while most < produced and time.monotonic() - since < STANDING_S:
            if (now := self.visible()) > most:
                most, since = now, time.monotonic()
            time.sleep(0.1)
        # A repeated event would come late.
        deadline = time.monotonic() + STANDING_S
        while self.reader.events < produced and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(2.0)
        self.reader.stop()
        self._count(ledger)
        return ledger

    def _count(self, ledger: dict[str, Any]) -> None:
        record = self.record
        found = audit.differences(ledger, self.sql)
        lost = repeated = 0
        for stream, totals in ledger["streams"].items():
            produced, rows, places = totals["produced"], 0, 0
            for source in (audit.RAW[stream], f"(SELECT * FROM dead_letters WHERE stream = '{stream}')"):
                rows += self.figure(f"SELECT count(*) FROM {source}")
                places += self.figure(f"SELECT count(DISTINCT (kafka_partition, kafka_offset)) FROM {source}")
            counted = self.figure(f"SELECT sum(events)::BIGINT FROM stream_windows WHERE stream = '{stream}'")
            lost += max(0, produced - min(places, counted))
            repeated += max(0, rows - places, counted - produced)
        record.lost += lost
        record.repeated += max(repeated, sum(times - 1 for times in self.reader.places.values()))
        for line in found:
            record.require(False, line)
        record.require(self.reader.events == ledger["produced"], f"the deltas count {self.reader.events:,} events")
        record.note(f"{ledger['produced']:,} events")


@contextmanager
def pipeline(
    record: Record, replicas: int = 1, rate: int = 500, options: Options | None = None, **settings: object
) -> Iterator[Pipeline]:
    """A pipeline at work; at the end of the block its processes are killed and its folder is removed.

    Batches are small, so that faults find many of them open.
    """
    chosen = {"session_timeout_ms": 6_000, "commit_interval_ms": 100, "flush_interval_ms": 100, **settings}
    options = options or Options()
    with new_rig(kafka_class=options.kafka, **chosen) as rig:  # type: ignore[arg-type]
        try:
            yield Pipeline(rig, record, replicas, rate, options)
        except BaseException:
            for worker in rig.workers:
                record.report(f"{' '.join(worker.command[:2])} ({worker.process.poll()}): {last_words(worker, 4)}")
            raise
