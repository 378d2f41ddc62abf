"""The warehouse process.

Input:     `analytics`, committed messages only, every partition, from the offsets stored in the DuckDB file.
Output:    the tables of the catalog in `warehouse.duckdb`, and SQL over HTTP.
State:     the DuckDB file. It is disposable: deleted, it is rebuilt from `analytics`.
Guarantee: each delta is merged exactly once: offsets and rows commit in one DuckDB transaction, whatever is killed.
           What one batch of analytics gave becomes visible in all tables at once.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime
from functools import partial
from typing import Any

import pyarrow as pa
from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, TopicPartition

from streamgauge.catalog import loader
from streamgauge.catalog.loader import ANALYTICS_TOPIC
from streamgauge.deltas.transaction_buffer import Ready, TransactionBuffer
from streamgauge.runtime import kafka, metrics, process
from streamgauge.runtime.cadence import Cadence
from streamgauge.runtime.errors import FatalError
from streamgauge.runtime.process import Process
from streamgauge.warehouse import swap
from streamgauge.warehouse.gauges import Gauges
from streamgauge.warehouse.known_failures import Fingerprints
from streamgauge.warehouse.kpis import Kpis
from streamgauge.warehouse.sql import server
from streamgauge.warehouse.store import Store, connect

GROUP = "warehouse"
FLUSH_BYTES = 128 * 1024 * 1024
# DuckDB writes a whole row group (122,880 rows) straight to its place, and less than that twice, by way of its log: at
# half the cost a row a flush that already has many rows waits up to STRETCH intervals more. One and a half row groups,
# because the rest of a flush just above one is merged with its neighbours, all rewritten, at the next checkpoint.
FEW_ROWS, FULL_ROWS, STRETCH = 10_000, 184_320, 7
log = logging.getLogger("streamgauge")


def due(late_s: float, rows: int, size: int, interval_s: float, quiet_s: float = 0.0) -> bool:
    """Whether to merge now, `late_s` after the interval ended (negative: before), with that many rows and bytes, the
    last of which came `quiet_s` ago."""
    if rows >= FULL_ROWS or size >= FLUSH_BYTES:
        return True
    # Twice the interval without a delta: a burst is over, and there is no more to wait for.
    more_comes = rows >= FEW_ROWS and quiet_s < 2 * interval_s
    return late_s >= (STRETCH * interval_s if more_comes else 0.0)


class Writer:
    """Reads deltas and merges them; one `step` is one flush."""

    def __init__(self, running: Process, store: Store, kpis: Kpis, fingerprints: Fingerprints) -> None:
        self._process = running
        self._settings = running.settings
        self._store = store
        self._kpis = kpis
        self._fingerprints = fingerprints
        self._consumer = kafka.application(
            running.settings,
            GROUP,
            offset_reset="error",
            consumer={
                "isolation.level": "read_committed",
                "queued.max.messages.kbytes": 128 * 1024,
                "fetch.message.max.bytes": 8 * 1024 * 1024,
                "client.id": GROUP,
            },
        ).get_consumer(auto_commit_enable=False)
        self._buffer = TransactionBuffer(store.knows)
        self._assigned: set[int] = set()
        self._next: dict[int, int] = {}
        self._newest: dict[str, float] = {}
        self._upkeep_due = self._came = 0.0
        self._watch = kafka.Watch(running)
        self._cadence = Cadence(running.settings.flush_interval_ms / 1_000)

    def open(self) -> None:
        """Go on where the file says it is. Raises `FatalError` when the log no longer has what comes next."""
        stored = self._store.offsets()
        topic = kafka.admin(self._settings).list_topics(ANALYTICS_TOPIC, timeout=10).topics[ANALYTICS_TOPIC]
        partitions = set(topic.partitions)
        if partitions == self._assigned:
            return
        for number in partitions & stored.keys():
            low, high = self._consumer.get_watermark_offsets(TopicPartition(ANALYTICS_TOPIC, number), timeout=10)
            if not low <= stored[number] <= high:
                raise FatalError(
                    f"the warehouse file goes on at offset {stored[number]} of {ANALYTICS_TOPIC}[{number}], but "
                    f"the log has {low} to {high}: deltas were lost to retention or the topic was made anew; move "
                    f"{self._settings.warehouse_file} away to rebuild from what the log has"
                )
        self._buffer.clear()
        self._consumer.assign(
            [
                TopicPartition(ANALYTICS_TOPIC, number, stored.get(number, OFFSET_BEGINNING))
                for number in sorted(partitions)
            ]
        )
        self._assigned, self._next = partitions, dict(stored)

    def step(self) -> None:
        """Collect deltas for one flush interval, then merge those of whole transactions with their offsets."""
        deadline, interval_s = self._cadence.next(), self._settings.flush_interval_ms / 1_000
        while not self._process.stop.is_set():
            now, ready = time.monotonic(), self._buffer.ready
            if due(now - deadline, ready.rows, ready.bytes, interval_s, now - self._came):
                break
            # A few at a time: one message may be a megabyte.
            for message in self._consumer.consume(32, max(deadline - now, 0.05)):
                self._came = time.monotonic()
                if self._usable(message):
                    self._buffer.add(message)
        ready = self._buffer.take()
        if ready.offsets:
            self._flush(ready)
            self._watch.flowing()
        else:
            self._watch.quiet()
        self._measure_lag()
        if time.monotonic() >= self._upkeep_due:
            self._upkeep()

    def _usable(self, message: Any) -> bool:
        error = message.error()
        if error is None:
            return True
        if error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):  # noqa: SLF001
            raise FatalError(
                f"the log lost deltas that are not merged yet: {error}; move the warehouse file away to rebuild"
            )
        log.warning("consume: %s", error)
        return False

    def _flush(self, ready: Ready) -> None:
        # Replicas of two versions may send different columns for a while; those absent are null.
        tables = {model: pa.concat_tables(parts, promote_options="permissive") for model, parts in ready.deltas.items()}
        with metrics.histogram("streamgauge_merge_seconds").time():
            self._store.merge(tables, ready.offsets, ready.read)
        self._next.update(ready.offsets)
        self._kpis.count(ready.deltas, ready.written_ms, time.time())
        for model, parts in ready.deltas.items():
            metrics.counter("streamgauge_merged_rows_total").labels(model).inc(tables[model].num_rows)
            metrics.counter("streamgauge_merged_deltas_total").inc(len(parts))
        if "dead_letters" in tables:
            self._fingerprints.count(tables["dead_letters"])
        if "stream_windows" in tables:
            self._see(tables["stream_windows"])
        self._store.compact()
        self._tell_kafka(ready.offsets)

    def _see(self, windows: pa.Table) -> None:
        """Keep the newest visible event time of each stream, for the freshness gauge."""
        for row in windows.select(["stream", "max_occurred_at"]).to_pylist():
            stream, newest = row["stream"], row["max_occurred_at"]
            if isinstance(newest, datetime):
                known = self._newest.setdefault(stream, 0.0)
                self._newest[stream] = max(known, newest.timestamp())
                freshness = metrics.gauge("streamgauge_freshness_seconds").labels(stream)
                freshness.set_function(partial(self._freshness, stream))

    def _freshness(self, stream: str) -> float:
        return max(0.0, time.time() - self._newest[stream])

    def _tell_kafka(self, offsets: dict[int, int]) -> None:
        """Commit to Kafka too, for lag monitors alone: the file's own offsets are the ones that count."""
        done = [TopicPartition(ANALYTICS_TOPIC, number, offset) for number, offset in offsets.items()]
        try:
            self._consumer.commit(offsets=done, asynchronous=True)
        except KafkaException as error:
            log.debug("commit for monitors: %s", error)

    def _measure_lag(self) -> None:
        """What the last fetches said of the log's ends, against what is merged; asks nobody."""
        lag = 0
        for number in self._assigned:
            _, end = self._consumer.get_watermark_offsets(TopicPartition(ANALYTICS_TOPIC, number), cached=True)
            lag += max(0, end - self._next.get(number, 0))
        metrics.gauge("streamgauge_warehouse_lag_messages").set(lag)

    def _upkeep(self) -> None:
        """Retention, and partitions added meanwhile."""
        self._upkeep_due = time.monotonic() + self._settings.retention_interval_s
        for table, rows in self._store.expire(self._settings).items():
            metrics.counter("streamgauge_rows_expired_total").labels(table).inc(rows)
        for table, rows in self._store.rows().items():
            metrics.gauge("streamgauge_warehouse_rows").labels(table).set(rows)
        metrics.gauge("streamgauge_warehouse_file_bytes").set(self._settings.warehouse_file.stat().st_size)
        try:
            self.open()
        except KafkaException as error:
            log.warning("topic %s: %s", ANALYTICS_TOPIC, error)

    def close(self) -> None:
        """Stop reading; everything merged is already in the file."""
        self._consumer.close()  # type: ignore[no-untyped-call]


def work(running: Process) -> None:
    """Own the file until told to stop."""
    settings = running.settings
    catalog = loader.load(settings.catalog)
    kafka.require_broker(settings)
    kafka.require_topics(settings, [ANALYTICS_TOPIC])
    cluster_id = kafka.admin(settings).list_topics(timeout=10).cluster_id
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    swap.apply(settings, catalog.digest)
    rebuilt = swap.prepared(settings, catalog.digest)
    db = connect(settings)
    store = Store(db, catalog, cluster_id)
    writer = Writer(running, store, Kpis(catalog, settings.kpi_max_series), Fingerprints(db, catalog))
    gauges = None
    try:
        writer.open()
        gauges = Gauges(catalog.views).follow(running, db)
        with server.serve(running, db, catalog):
            running.ready()
            while not running.stop.is_set() and not rebuilt.exists():
                writer.step()
    finally:
        writer.close()
        if gauges and running.stop.is_set():
            # A cursor that is still reading would outlive its database. (Where the process starts anew, nothing does.)
            gauges.join(settings.sql_timeout_s)
        db.close()
    if not running.stop.is_set():
        swap.start_anew()


def main() -> int:
    """Entry point of `streamgauge warehouse`; returns the exit code."""
    return process.run("warehouse", work)
