"""The warehouse process: merges deltas into DuckDB and serves SQL.

Input:     `analytics`, committed messages only, every partition, from the offsets stored in the DuckDB file; where the
           topic was made anew since, from its beginning.
Output:    the catalog's tables in `warehouse.duckdb`, and read-only SQL over HTTP.
State:     the DuckDB file. It is disposable: deleted, it is rebuilt from `analytics`.
Guarantee: each delta is merged exactly once, whatever is killed: rows and offsets commit in one DuckDB transaction.
           The results of one batch of analytics become visible in all tables at once.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, TopicPartition

from streamgauge.catalog import loader
from streamgauge.catalog.loader import ANALYTICS_TOPIC, WAREHOUSE_GROUP
from streamgauge.deltas.transaction_buffer import Ready, TransactionBuffer
from streamgauge.runtime import kafka, metrics, process
from streamgauge.runtime.cadence import Cadence
from streamgauge.runtime.connection import rights
from streamgauge.runtime.connection.explain import explained
from streamgauge.runtime.connection.rights import Right
from streamgauge.runtime.errors import FatalError
from streamgauge.runtime.kafka import topic_ids
from streamgauge.runtime.process import Process
from streamgauge.warehouse import owner
from streamgauge.warehouse.tables import Tables

GROUP = WAREHOUSE_GROUP
FLUSH_BYTES = 128 * 1024 * 1024
# DuckDB writes a whole row group (122,880 rows) directly to its place, and a smaller write twice, through its log. So a
# flush of FEW_ROWS or more waits for up to STRETCH further intervals, or until it has FULL_ROWS, at half the cost per
# row. FULL_ROWS is one and a half row groups: the remainder of a flush just above one would be merged with its
# neighbours, and all of them rewritten, at the next checkpoint.
FEW_ROWS, FULL_ROWS, STRETCH = 10_000, 184_320, 7
# How often an idle warehouse checks that `analytics` is still the same topic.
CHECK_EVERY_S, RETRY_S = 5.0, 0.5
log = logging.getLogger("streamgauge")


def due(late_s: float, rows: int, size: int, interval_s: float, quiet_s: float = 0.0) -> bool:
    """Whether to merge now.

    `late_s` are the seconds since the end of the flush interval (negative before it), `rows` and `size` (bytes) what
    has been collected, and `quiet_s` the seconds since the last delta arrived.
    """
    if rows >= FULL_ROWS or size >= FLUSH_BYTES:
        return True
    # After two intervals without a delta a burst is over, and waiting would gain nothing.
    more_expected = rows >= FEW_ROWS and quiet_s < 2 * interval_s
    return late_s >= (STRETCH * interval_s if more_expected else 0.0)


class _ReadAgain(Exception):
    """What was read may not be merged; the offsets in the file say where to read on, once the topic is there."""


class Writer:
    """Consumes deltas and merges them; one `step` is one flush."""

    def __init__(self, running: Process, tables: Tables) -> None:
        self._process = running
        self._settings = running.settings
        self._tables, self._store = tables, tables.store
        self._app = kafka.application(
            running.settings,
            GROUP,
            offset_reset="error",
            consumer={
                "isolation.level": "read_committed",
                "queued.max.messages.kbytes": 128 * 1024,
                "fetch.message.max.bytes": 8 * 1024 * 1024,
                "client.id": GROUP,
            },
        )
        self._consumer = self._app.get_consumer(auto_commit_enable=False)
        self._admin = kafka.admin(running.settings)
        self._topic_id: str | None = None
        self._buffer = TransactionBuffer(self._store.knows, self._store.since)
        self._assigned: set[int] = set()
        self._next: dict[int, int] = {}
        self._check_due = self._last_delta_at = 0.0
        self._watch = kafka.BrokerWatch(running)
        self._cadence = Cadence(running.settings.flush_interval_ms / 1_000)

    def open(self) -> bool:
        """Resume from the offsets stored in the file, or say why not yet: partitions of a new topic have no leader.

        Raises `FatalError` when the log no longer has the next delta, `KafkaException` where a right is refused.
        """
        try:
            self._resume()
        except KafkaException as error:
            if rights.is_refusal(error.args[0]):
                raise
            self._process.unready(f"topic {ANALYTICS_TOPIC}: {error.args[0].str()}")
        return bool(self._assigned)

    def _resume(self) -> None:
        """Resume from the offsets stored in the file; partitions added meanwhile are read from their beginning.

        Raises `FatalError` when the log no longer has the next delta.
        """
        topic = topic_ids.read(self._admin, [ANALYTICS_TOPIC]).get(ANALYTICS_TOPIC)
        if topic is None:
            return  # deleted; `require_topics` has seen it at the start
        partitions = set(range(topic.partitions))
        if partitions == self._assigned and topic.id == self._topic_id:
            return
        if self._topic_id not in (None, topic.id):
            # The old client still holds the deleted topic's leaders and positions.
            self._consumer.close()  # type: ignore[no-untyped-call]
            self._consumer = self._app.get_consumer(auto_commit_enable=False)
        self._topic_id = topic.id
        if earlier := self._store.follow(topic.id):
            log.error(
                "%s was deleted and made anew (topic id %s, before %s): it is read from its beginning. Tables keep "
                "what was merged; what was not is lost, and gaps in the provenance say which events those were",
                ANALYTICS_TOPIC,
                topic.id,
                earlier,
            )
        stored = self._store.offsets()
        for number in partitions & stored.keys():
            low, high = self._consumer.get_watermark_offsets(TopicPartition(ANALYTICS_TOPIC, number), timeout=10)
            if not low <= stored[number] <= high:
                raise FatalError(
                    f"the warehouse file resumes at offset {stored[number]} of {ANALYTICS_TOPIC}[{number}], but "
                    f"the log has {low} to {high}: retention removed deltas{self._or_anew()}; move "
                    f"{self._settings.warehouse_file} away to rebuild it from the log"
                )
        lows = {
            number: self._consumer.get_watermark_offsets(TopicPartition(ANALYTICS_TOPIC, number), timeout=10)[0]
            for number in partitions - stored.keys()
        }
        for number, text in self._store.late_start(lows, int(time.time() * 1_000)).items():
            self._process.problem(f"beginning of {ANALYTICS_TOPIC}[{number}]", text)
        self._buffer.clear()
        self._consumer.assign(
            [
                TopicPartition(ANALYTICS_TOPIC, number, stored.get(number, OFFSET_BEGINNING))
                for number in sorted(partitions)
            ]
        )
        self._assigned, self._next = partitions, dict(stored)

    def _or_anew(self) -> str:
        return "" if self._topic_id else ", or the topic was created anew (this broker gives no topic ids)"

    def _check(self) -> None:
        """Raise `_ReadAgain` unless `analytics` is still the topic that was opened. What was read is merged only then:
        one that was made anew has the same name, and its offsets begin again.
        """
        self._check_due = time.monotonic() + CHECK_EVERY_S
        try:
            topic = topic_ids.read(self._admin, [ANALYTICS_TOPIC]).get(ANALYTICS_TOPIC)
        except KafkaException as error:
            raise _ReadAgain(f"topic ids: {error.args[0].str()}") from None
        if topic is None or topic.id != self._topic_id:
            raise _ReadAgain(f"the topic {ANALYTICS_TOPIC} was deleted")

    def step(self) -> None:
        """Collect deltas for one flush interval, then merge those of complete transactions with their offsets."""
        if not self._assigned:
            if not self.open():
                self._process.stop.wait(RETRY_S)
                return
            self._process.ready()
        try:
            self._collect()
            ready = self._buffer.take()
            if ready.offsets or time.monotonic() >= self._check_due:
                self._check()
        except _ReadAgain as error:
            self._process.unready(str(error))
            self._buffer.clear()
            self._assigned = set()
            return
        if ready.offsets:
            self._flush(ready)
            self._watch.active()
        else:
            self._watch.idle()
        self._measure_lag()
        if self._tables.maintain():
            self._assign_added()

    def _collect(self) -> None:
        deadline, interval_s = self._cadence.next(), self._settings.flush_interval_ms / 1_000
        while not self._process.stop.is_set():
            now, ready = time.monotonic(), self._buffer.ready
            if due(now - deadline, ready.rows, ready.bytes, interval_s, now - self._last_delta_at):
                break
            # Few at a time: one message may have a megabyte.
            for message in self._consumer.consume(32, max(deadline - now, 0.05)):
                self._last_delta_at = time.monotonic()
                if self._usable(message):
                    self._buffer.add(message)

    def _usable(self, message: Any) -> bool:
        error = message.error()
        if error is None:
            return True
        if error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):  # noqa: SLF001
            self._check()
            raise FatalError(
                f"the log lost deltas that are not merged yet: {error}; move the warehouse file away to rebuild it"
            )
        if rights.is_refusal(error):
            # The group is for lag monitors alone; the log is what it lives on.
            refused = explained(
                KafkaException(error),
                self._settings,
                Right("Read", "topic", ANALYTICS_TOPIC),
                Right("Read", "group", GROUP),
            )
            if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                raise refused
            log.warning("consume: %s", refused)
            return False
        log.warning("consume: %s", error)
        return False

    def _flush(self, ready: Ready) -> None:
        self._tables.merge(ready.deltas, ready.written_ms, ready.offsets, ready.read)
        self._next.update(ready.offsets)
        self._commit_to_kafka(ready.offsets)

    def _commit_to_kafka(self, offsets: dict[int, int]) -> None:
        """Commit to Kafka too, for lag monitors only: the offsets in the file are the ones that count."""
        done = [TopicPartition(ANALYTICS_TOPIC, number, offset) for number, offset in offsets.items()]
        try:
            self._consumer.commit(offsets=done, asynchronous=True)
        except KafkaException as error:
            log.debug("commit for monitors: %s", error)

    def _measure_lag(self) -> None:
        """The ends of the log as of the last fetches, minus what is merged; sends no request."""
        lag = 0
        for number in self._assigned:
            _, end = self._consumer.get_watermark_offsets(TopicPartition(ANALYTICS_TOPIC, number), cached=True)
            lag += max(0, end - self._next.get(number, 0))
        metrics.gauge("streamgauge_warehouse_lag_messages").set(lag)

    def _assign_added(self) -> None:
        """Assign partitions that were added meanwhile."""
        try:
            self._resume()
        except KafkaException as error:
            log.warning("topic %s: %s", ANALYTICS_TOPIC, error)

    def close(self) -> None:
        """Stop consuming; everything merged is already in the file."""
        self._consumer.close()  # type: ignore[no-untyped-call]


def work(running: Process) -> None:
    """Merge deltas until the process stops."""
    settings = running.settings
    kafka.require_broker(settings)
    kafka.require_topics(settings, [ANALYTICS_TOPIC])
    cluster_id = kafka.admin(settings).list_topics(timeout=10).cluster_id
    owner.own(running, loader.load(settings.catalog), cluster_id, lambda tables: Writer(running, tables))


def main() -> int:
    """Entry point of `streamgauge warehouse`; returns the exit code."""
    return process.run("warehouse", work)
