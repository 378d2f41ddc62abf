"""Embedded: events to tables in one process, exactly once, without writing a byte to the cluster.

Input:     every topic of the catalog, and the foreign dead-letter topics named by a setting, in no consumer group; and
           the lag of all groups, sampled by a thread.
Output:    the catalog's tables in `warehouse.duckdb`, and read-only SQL over HTTP.
State:     the DuckDB file: its provenance is the position in each partition, with the topic's id.
Guarantee: each event is in the tables exactly once, or in `dead_letters`, whatever is killed: rows and positions commit
           in one DuckDB transaction. Nothing is created, produced or committed on the cluster, and no group is joined.

The order in a batch: consume and decode chunk by chunk → run the models → check the topics' ids → merge rows and move
positions. After a failure the batch is discarded and read again from the positions in the file.
"""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, Message, TopicPartition

from processors.analytics import lost_input
from processors.analytics.batch import Batch, make_series
from processors.analytics.dedup_restore import DedupRestore
from processors.analytics.lost_input import LostInput
from processors.analytics.transform import Transform
from processors.embedded import positions
from processors.embedded.lag_thread import LagThread
from streamgauge.catalog import loader
from streamgauge.catalog.builtin.lag import LAG
from streamgauge.catalog.loader import BUILT_IN_STREAMS, Catalog
from streamgauge.deltas.provenance import InputOffsets
from streamgauge.deltas.transaction_buffer import dated
from streamgauge.runtime import kafka, log_reader, metrics, process
from streamgauge.runtime.cadence import Cadence
from streamgauge.runtime.connection import rights
from streamgauge.runtime.connection.explain import explained
from streamgauge.runtime.connection.rights import Right
from streamgauge.runtime.errors import TransientError
from streamgauge.runtime.kafka import Partition, topic_ids
from streamgauge.runtime.kafka.topic_identity import TopicIdentity
from streamgauge.runtime.process import Process
from streamgauge.warehouse import owner
from streamgauge.warehouse.tables import Tables

CHUNK = 1_000
PREFETCH_MESSAGES, PREFETCH_KBYTES = 1_000_000, 128 * 1024
# How often topics, partitions and their ids are looked at while nothing else asks.
LOOK_EVERY_S, RETRY_S = 10.0, 1.0
_OPTIONS = {
    # A log that no longer has the next offset is an error, so that what it lost is told (lost_input.py).
    "auto.offset.reset": "error",
    "enable.partition.eof": False,
    "topic.metadata.refresh.interval.ms": 10_000,
    "queued.min.messages": PREFETCH_MESSAGES,
    "queued.max.messages.kbytes": PREFETCH_KBYTES,
}
log = logging.getLogger("streamgauge")


class Embedded:
    """Reads the catalog's topics and merges them; a source of the file's owner."""

    def __init__(self, running: Process, catalog: Catalog, tables: Tables) -> None:
        self._process, self._settings, self._catalog = running, running.settings, catalog
        self._tables, self._store = tables, tables.store
        self._transform = Transform(self._settings, catalog)
        self._topics = [*catalog.own, *self._settings.foreign_letter_topics]
        self._stream_of = {model.name: model.stream for model in catalog.models}
        self._admin = kafka.admin(self._settings)
        self._identity, self._lost = TopicIdentity(self._admin), LostInput(self._admin)
        self._restore = DedupRestore(
            self._settings, self._transform.decoders, self._transform.deduplicator, lambda: not running.stop.is_set()
        )
        # As of the first start: a partition that was silent until now is read from there too.
        begin_ms = max(0, int(time.time() - self._settings.read_from_s) * 1_000)
        self._since_ms = int(self._store.fact("read_from_ms", str(begin_ms)))
        self._lag = LagThread(running, catalog, self._next_sample())
        self._consumer: Any = None
        self._partitions: Mapping[Partition, str] = {}
        self._refused: set[str] = set()
        self._first: dict[Partition, int] = {}
        self._batch = Batch()
        self._look_due = 0.0
        self._cadence = Cadence(self._settings.flush_interval_ms / 1_000)
        self._watch = kafka.BrokerWatch(running)

    def open(self) -> bool:
        """Find where each partition is read on, and begin to sample lag."""
        self._lag.start()
        return self._resumed()

    def _next_sample(self) -> int:
        ranges = self._store.provenance.ranges.get((LAG.topic, 0))
        return ranges[-1][1] if ranges else 0

    def _resume(self) -> None:
        """Read on from the positions in the file. Raises `KafkaException`."""
        self._batch = Batch()
        self._lost.take()
        self._transform.reset()
        self._lag.back_to(self._next_sample())
        self._partitions = self._there()
        known = {topic for topic, _ in self._partitions}.union(self._refused)
        if missing := [topic for topic in self._topics if topic not in known]:
            self._process.problem("topics", f"not on the cluster, or not to be seen: {', '.join(missing)}")
        else:
            self._process.solved("topics")
        if self._consumer is not None:
            # librdkafka's goes on at its old position in a topic that was made anew.
            self._consumer.close()
            self._consumer = None
        if not self._partitions:
            # Any consumer asks for a coordinator, for which Kafka makes `__consumer_offsets` where no group ever was.
            self._process.ready()
            return
        self._consumer = log_reader.consumer(self._settings, self._settings.analytics_group, _OPTIONS)
        stored = positions.stored(self._store.provenance, self._partitions)
        before = dict(self._identity.ids)
        starts = self._identity.resume(stored, self._end)
        starts = self._lost.resume(stored, starts, self._identity.ids)
        fresh = positions.since(self._admin, [_place(at) for at in stored if at.offset < 0], self._since_ms)
        starts = [TopicPartition(at.topic, at.partition, fresh.get(_place(at), at.offset)) for at in starts]
        self._first = {_place(at): at.offset for at in starts if at.offset != OFFSET_BEGINNING}
        self._batch = Batch(topic_ids=self._identity.ids)
        self._batch.next_offsets.update({(one.topic, one.partition): one.following for one in self._lost.pending})
        others = {topic for topic, topic_id in self._identity.ids.items() if before.get(topic) != topic_id}
        self._transform.deduplicator.forget(others)
        if self._transform.deduplicator.within_s:
            self._restore.read(starts)
        lost_input.make_series(starts)
        self._consumer.assign(starts)
        self._process.ready()

    def _end(self, at: TopicPartition) -> int:
        end: int = self._consumer.get_watermark_offsets(at, timeout=10)[1]
        return end

    def step(self) -> None:
        """Read for one flush interval, then merge what was read with its positions."""
        try:
            if time.monotonic() >= self._look_due:
                self._look()
            self._collect()
            if self._batch.events or self._lost.pending:
                self._merge()
                self._watch.active()
            else:
                self._watch.idle()
        except (TransientError, KafkaException) as error:
            self._failed(error)
            self._process.stop.wait(RETRY_S)
            self._resumed()
        self._tables.maintain()

    def _resumed(self) -> bool:
        try:
            self._resume()
        except (TransientError, KafkaException) as error:
            self._failed(error)
            # Whatever is there is news to the next look.
            self._partitions, self._look_due = {}, 0.0
            return False
        return True

    def _failed(self, error: TransientError | KafkaException) -> None:
        why = explained(error, self._settings) if isinstance(error, KafkaException) else error
        self._process.unready(str(why))

    def _there(self) -> dict[Partition, str]:
        """The partitions that there are now, with their topics' ids, but those that may not be read, which are told.

        Raises `KafkaException`.
        """
        self._look_due = time.monotonic() + LOOK_EVERY_S
        hidden: set[str] = set()
        described = topic_ids.request(self._admin, self._topics, operations=True).result(hidden)
        # A broker that tells no operations refuses when it is read (`_usable`).
        closed = {name for name, it in described.items() if it.operations and not {"READ", "ALL"} & it.operations}
        self._refuse(hidden | closed)
        described = {name: it for name, it in described.items() if name not in closed}
        return {(name, number): it.id for name, it in described.items() for number in range(it.partitions)}

    def _refuse(self, topics: set[str]) -> None:
        """Tell which topics of the catalog may not be read; the others are."""
        self._refused = topics
        if topics:
            lacking = (Right("Read", "topic", name) for name in sorted(topics))
            self._process.problem("rights", "; ".join(rights.refused(self._settings, right) for right in lacking))
        else:
            self._process.solved("rights")

    def _look(self) -> None:
        """Begin anew where topics or partitions came or went; raises `TransientError` then."""
        if self._there() != self._partitions:
            raise TransientError("topics or partitions changed")

    def _collect(self) -> None:
        deadline = self._cadence.next()
        while not self._process.stop.is_set() and self._batch.events < self._settings.batch_max_events:
            if (wait_s := deadline - time.monotonic()) <= 0:
                break
            if self._consumer is None:
                self._process.stop.wait(wait_s)
                break
            messages = self._consumer.consume(CHUNK, wait_s)
            if any(map(Message.error, messages)):
                messages = [message for message in messages if self._usable(message)]
            self._transform.decode(self._batch, messages, int(time.time() * 1_000))
        samples = self._lag.take()
        if samples.values:
            self._transform.take(self._batch, LAG.topic, samples, int(time.time() * 1_000))

    def _usable(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return True
        if error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):  # noqa: SLF001
            raise TransientError(f"consume: {error.str()}")
        if rights.is_refusal_of_topic(error):
            self._refuse({*self._refused, message.topic() or ""})
        else:
            log.warning("consume: %s", error)
        return False

    def _merge(self) -> None:
        batch, now_ms = self._batch, int(time.time() * 1_000)
        check = self._identity.begin({topic for topic, _ in batch.next_offsets} - BUILT_IN_STREAMS.keys())
        deltas = dict(self._transform.deltas(batch, now_ms))
        self._identity.confirm(check, self._first, batch.next_offsets)
        lost = self._lost.take()
        inputs = InputOffsets.between(self._catalog.digest, self._first, batch.next_offsets, batch.topic_ids, lost)
        since = partial(self._store.since, written_ms=now_ms)
        for topic_id in inputs.topic_ids.values():
            since(topic_id)
        rows = {
            name: [dated(own, batch.topic_ids.get(self._stream_of[name], ""), since)] for name, own in deltas.items()
        }
        self._tables.merge(rows, dict.fromkeys(rows, [now_ms]), {}, [inputs])
        self._first.update(batch.next_offsets)
        batch.count([], self._transform.deduplicator)
        lost_input.count(lost)
        self._batch = Batch(topic_ids=self._identity.ids)
        gc.collect(1)

    def close(self) -> None:
        """Stop reading; everything merged is in the file."""
        if self._consumer is not None:
            self._consumer.close()
        self._lag.close()


def _place(at: TopicPartition) -> Partition:
    return at.topic, at.partition


def work(running: Process) -> None:
    """Read and merge until the process stops."""
    settings, catalog = running.settings, loader.load(running.settings.catalog)
    kafka.require_broker(settings)
    for of in ("analytics", "lag"):
        metrics.register(of)
    # Thousands of short-lived objects per chunk, none in a cycle.
    gc.freeze()
    gc.disable()
    make_series(catalog.own)
    cluster_id = kafka.admin(settings).list_topics(timeout=10).cluster_id
    owner.own(running, catalog, cluster_id, partial(Embedded, running, catalog))


def main() -> int:
    """Entry point of `streamgauge warehouse` in mode `embedded`; returns the exit code."""
    return process.run("warehouse", work)
