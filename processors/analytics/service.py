"""Analytics: events to deltas, exactly once.

Input:     every topic of the catalog, and the foreign dead-letter topics named by a setting, as one consumer group with
           any number of replicas.
Output:    `analytics` (deltas, streamgauge/deltas/wire.py), and `<topic>.dlq` for events that cannot be processed.
State:     none between batches: a delta adds to a table, and its input offsets commit with it in one Kafka transaction,
           so a replica starts, stops and recovers at once. The exception are streams that are deduplicated: the ids of
           their last horizon are restored from the log (dedup_restore.py).
Guarantee: each event is in exactly one committed delta per model, or in exactly one dead letter, whatever is killed.
           A stream that cannot go on is set aside, alone (aside/): nearly all of its events are bad, its topic
           cannot be read, or its dead letters cannot be written. A topic that is deleted and made anew is read from
           its beginning (streamgauge/runtime/kafka/topic_identity.py). What retention deletes before it is read is
           named, once (lost_input.py).

The order in a batch: consume and decode chunk by chunk → run the models → begin → produce deltas and dead letters →
send offsets → commit; while the broker decides, the next batch is read. A rebalance or a failure before the commit
discards the batch, and the one that is being read, and the events are read again from the committed offsets.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import time
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from processors.analytics import dead_letters, lost_input
from processors.analytics.aside.circuit_breaker import CircuitBreaker
from processors.analytics.aside.streams import Obstacle, StreamsStopped
from processors.analytics.aside.watch import StreamWatch
from processors.analytics.batch import Batch, make_series
from processors.analytics.decoder import DeadLetter
from processors.analytics.dedup_restore import DedupRestore
from processors.analytics.lost_input import LostInput
from processors.analytics.transactions import Outgoing, Transactions
from processors.analytics.transform import Transform
from streamgauge.catalog import loader
from streamgauge.catalog.loader import ANALYTICS_TOPIC, Catalog
from streamgauge.dead_letters.outputs import Outputs
from streamgauge.deltas import wire
from streamgauge.deltas.provenance import InputOffsets, Lost
from streamgauge.deltas.wire import Delta
from streamgauge.runtime import kafka, metrics, process
from streamgauge.runtime.cadence import Cadence
from streamgauge.runtime.connection.explain import explained
from streamgauge.runtime.connection.rights import Right
from streamgauge.runtime.data_dir import replica_slot
from streamgauge.runtime.errors import TransientError, UsageError
from streamgauge.runtime.kafka import Partition
from streamgauge.runtime.kafka.topic_identity import Check, TopicIdentity, TopicRecreated
from streamgauge.runtime.process import Process

CHUNK = 1_000
# With more, a consumer that catches up buffers more than it can use soon; with less, it waits for the broker.
PREFETCH_MESSAGES, PREFETCH_KBYTES = 1_000_000, 128 * 1024
METADATA_EVERY_MS = 10_000
# A topic that is not there or may not be read: `StreamWatch.check` reports it.
_CHECKED = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.TOPIC_AUTHORIZATION_FAILED)
log = logging.getLogger("streamgauge")


class Analytics:
    """One replica. `open` it, call `step` for each batch, `recover` after a `TransientError`, and `close` it."""

    def __init__(self, running: Process, catalog: Catalog) -> None:
        self._process = running
        self._settings = settings = running.settings
        self._catalog = catalog
        self._transform = Transform(settings, catalog)
        self._slot = replica_slot.take(settings.analytics_group, settings.data_dir)
        self._app = kafka.application(
            settings,
            settings.analytics_group,
            # A log that no longer has the next offset is an error, so that what it lost is told (lost_input.py).
            offset_reset="error",
            consumer={
                # A topic made anew, and partitions added to one, are noticed as soon as that.
                "topic.metadata.refresh.interval.ms": METADATA_EVERY_MS,
                "queued.min.messages": PREFETCH_MESSAGES,
                "queued.max.messages.kbytes": PREFETCH_KBYTES,
                "session.timeout.ms": settings.session_timeout_ms,
                "isolation.level": "read_committed",
                "client.id": self._slot.id,
            },
        )
        self._outputs = Outputs(settings)
        self._transactions = Transactions(settings, self._slot.id, running.stop, self._outputs)
        self._consumer = self._app.get_consumer(auto_commit_enable=False)
        self._admin = admin = kafka.admin(settings)
        self._identity, self._lost = TopicIdentity(admin), LostInput(admin)
        self._stream_of = {model.name: model.stream for model in catalog.models}
        self._renew = False
        self._watch = kafka.BrokerWatch(running)
        self._circuit_breaker = CircuitBreaker(settings.dead_letter_stop_ratio, settings.dead_letter_stop_events)
        self._streams = StreamWatch(
            running, catalog, self._outputs, self._circuit_breaker, self._transform.decoders.__getitem__
        )
        self._topics = [*catalog.streams, *settings.foreign_letter_topics]
        self._cadence = Cadence(settings.commit_interval_ms / 1_000)
        self._rebalanced = False
        self._assigned = False
        self._partitions = 1
        self._batch = Batch()
        self._dedup_restore = DedupRestore(
            settings, self._transform.decoders, self._transform.deduplicator, self._holds
        )
        # Where the batch begins in each partition, transaction markers included, so that batches join without a gap.
        self._first: dict[Partition, int] = {}

    def open(self) -> bool:
        """Connect and subscribe; False when stopped before a broker answered."""
        if not self._transactions.reopen():
            return False
        self._outputs.ask([ANALYTICS_TOPIC])
        self._count_partitions()
        self._subscribe()
        return True

    def _count_partitions(self) -> None:
        described = self._admin.list_topics(ANALYTICS_TOPIC, timeout=10).topics[ANALYTICS_TOPIC]
        self._partitions = max(1, len(described.partitions))

    def _subscribe(self) -> None:
        self._consumer.subscribe(
            self._topics, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke
        )

    def _on_assign(self, _consumer: Any, partitions: list[TopicPartition]) -> None:
        held: dict[str, int] = dict.fromkeys(self._topics, 0)
        for partition in partitions:
            held[partition.topic] += 1
        for topic, count in held.items():
            metrics.gauge("streamgauge_assigned_partitions").labels(topic).set(count)
        self._streams.hold({topic for topic, count in held.items() if count})
        lost_input.make_series(partitions)
        log.info("assigned %d partitions", len(partitions))
        self._rebalanced = self._assigned = True
        self._process.ready()

    def _on_revoke(self, _consumer: Any, _partitions: list[TopicPartition]) -> None:
        # The open batch is not in a transaction yet, so discarding it is enough. The one before must be decided before
        # another replica resumes from its offsets.
        self._transactions.wait()
        self._rebalanced, self._assigned = True, False
        if not self._process.stop.is_set():
            self._process.unready("waiting for partitions: the group rebalances")

    def _discard(self) -> None:
        self._batch = Batch()
        # Whoever resumes finds it again.
        self._lost.take()
        self._transform.reset()

    def _rewind(self) -> None:
        """Resume from the committed offsets of the partitions that this replica is assigned now."""
        self._discard()
        held = self._consumer.assignment()
        if not held:
            return
        # `analytics` may have been made anew, with fewer.
        self._count_partitions()
        committed = self._consumer.committed(held, timeout=10)
        self._circuit_breaker.restore((p.topic, p.metadata) for p in committed)
        before = dict(self._identity.ids)
        starts = self._identity.resume(committed, self._end)
        starts = self._lost.resume(committed, starts, self._identity.ids, self._streams.aside)
        self._batch = Batch(topic_ids=self._identity.ids)
        # The group's offsets move past what is lost even if nothing follows.
        self._batch.next_offsets.update({(one.topic, one.partition): one.following for one in self._lost.pending})
        self._first = {(p.topic, p.partition): max(p.offset, 0) for p in starts}
        others = {topic for topic, topic_id in self._identity.ids.items() if before.get(topic) != topic_id}
        self._transform.deduplicator.forget(others)
        if self._transform.deduplicator.within_s and not self._restore_dedup(starts):
            return
        self._consumer.assign(starts)
        # A paused partition stays paused when it is assigned again.
        self._consumer.resume([at for at in starts if at.topic not in self._streams.aside])
        self._consumer.pause([at for at in starts if at.topic in self._streams.aside])

    def _end(self, at: TopicPartition) -> int:
        return int(self._consumer.get_watermark_offsets(at, timeout=10)[1])

    def _restore_dedup(self, committed: list[TopicPartition]) -> bool:
        """Restore the ids of the last horizon before the committed offsets; False when partitions moved meanwhile."""
        self._process.unready("restoring the dedup window from the log")
        self._consumer.pause(committed)
        self._dedup_restore.read(committed)
        if holds := self._holds():
            self._consumer.resume(committed)
            self._process.ready()
        return holds

    def _holds(self) -> bool:
        # Polled, or the group would take this replica for dead while it restores; paused, so that nothing arrives.
        self._consumer.consume(1, 0)
        return not self._rebalanced and not self._process.stop.is_set()

    def step(self) -> None:
        """Fill a batch, by time or size, and commit it.

        Raises `TransientError` when it could not be committed, `StreamsStopped` when some of its streams must be set
        aside first.
        """
        deadline = self._cadence.next()
        self._streams.check()
        while not self._process.stop.is_set():
            wait_s = deadline - time.monotonic()
            if wait_s <= 0 or self._batch.events >= self._settings.batch_max_events:
                break
            began = time.perf_counter()
            messages = self._consumer.consume(CHUNK, wait_s)
            if self._streams.changed() or self._rebalanced:
                # What this call returned may straddle the rebalance: resume from the committed offsets.
                self._rebalanced = False
                self._transactions.settle()
                self._rewind()
                continue
            if messages:
                _stage("consume", time.perf_counter() - began)
                self._take(messages)
        if self._batch.events or self._lost.pending:
            self._commit()
        else:
            self._transactions.settle()
            if self._assigned:
                self._watch.idle()
                self._confirm(self._identity.begin(()))

    def _take(self, messages: list[Any]) -> None:
        """Decode what was just consumed, while it is in the cache."""
        began = time.perf_counter()
        # This touches every message: calls into C, and no Python function per message.
        if any(map(Message.error, messages)):
            messages = [message for message in messages if self._usable(message)]
        if self._streams.aside:
            messages = [message for message in messages if message.topic() not in self._streams.aside]
        self._transform.decode(self._batch, messages, int(time.time() * 1_000), self._circuit_breaker.record)
        _stage("decode", time.perf_counter() - began)

    def _usable(self, message: Message) -> bool:
        error = message.error()
        if error and error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001 - it has no other name
            # Retention was faster, or the log was cut: resume from the committed offsets, and tell what is lost. Or the
            # group is new, and every partition reports it.
            log.log(logging.DEBUG if kafka.nothing_committed(error) else logging.WARNING, "consume: %s", error)
            self._rebalanced = True
        elif error and error.code() not in _CHECKED:
            # Retriable by nature (a partition moved, a fetch failed): librdkafka retries by itself.
            if error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
                right = Right("Read", "group", self._settings.analytics_group)
                raise explained(KafkaException(error), self._settings, right)
            log.warning("consume: %s", error)
        return error is None

    def _commit(self) -> None:
        batch, now_ms = self._batch, int(time.time() * 1_000)
        began = time.perf_counter()
        self._streams.before_letters({letter.stream for letter in batch.dead})
        most = min(self._settings.delta_max_bytes, self._outputs.delta_bytes)
        check = self._identity.begin({topic for topic, _ in batch.next_offsets})
        deltas = [
            delta
            for model, rows in self._transform.deltas(batch, now_ms)
            for delta in wire.encode(model, rows, most, batch.topic_ids.get(self._stream_of[model], ""))
        ]
        _stage("models", time.perf_counter() - began)
        began = time.perf_counter()
        self._confirm(check)
        _stage("topic_ids", time.perf_counter() - began)
        began = time.perf_counter()
        lost = self._lost.take()
        self._transactions.commit(
            self._outgoing(deltas, batch.dead, lost),
            batch.offsets(lambda topic: self._identity.metadata(topic, self._circuit_breaker.metadata(topic, now_ms))),
            self._consumer.consumer_group_metadata(),
            then=partial(self._committed, batch, deltas, lost),
        )
        _stage("commit", time.perf_counter() - began)
        self._first |= batch.next_offsets
        self._batch = Batch(topic_ids=self._identity.ids)
        # Automatic collection is off (see `work`); this collects only the young generations.
        gc.collect(1)

    def _committed(self, batch: Batch, deltas: list[Delta], lost: list[Lost]) -> None:
        batch.count(deltas, self._transform.deduplicator)
        lost_input.count(lost)
        self._streams.committed(batch.next_offsets)
        self._watch.active()

    def _confirm(self, check: Check) -> None:
        """Raise `TopicRecreated` unless the batch is of the topics that it was begun with."""
        try:
            self._identity.confirm(check, self._first, self._batch.next_offsets)
        except TopicRecreated:
            self._renew = True
            raise

    def _outgoing(self, deltas: list[Delta], dead: list[DeadLetter], lost: list[Lost]) -> Iterator[Outgoing]:
        # One partition per replica: a transaction that a dead replica left open delays only that replica's deltas.
        partition = self._slot.spread(self._partitions)
        inputs = InputOffsets.between(
            self._catalog.digest, self._first, self._batch.next_offsets, self._batch.topic_ids, lost
        )
        written = wire.messages(deltas, self._slot.id, inputs)
        streams = [self._stream_of[delta.model] for delta in deltas] or [""]
        for stream, (value, headers) in zip(streams, written, strict=True):
            yield Outgoing(
                ANALYTICS_TOPIC,
                value,
                headers=headers,
                partition=partition,
                stream=stream if stream in self._catalog.streams else None,
            )
        for letter in dead:
            limit = self._outputs.limit(f"{letter.stream}.dlq")
            yield dead_letters.message(letter, self._batch.topic_ids.get(letter.stream), limit)

    def set_aside(self, obstacles: Iterable[Obstacle]) -> None:
        """Set streams aside; the others are read again from what is committed."""
        self._streams.set_aside(obstacles, self._first, self._batch.next_offsets)
        # It may lack events of other streams that came with those of the stopped ones.
        self._discard()

    def failed(self, error: Exception) -> None:
        """After a failed transaction: set the streams aside that are to blame, or report the process unready."""
        self._streams.failed(error, self._first, self._batch.next_offsets)

    def recover(self) -> None:
        """After a failed transaction: create a new producer and resume from the committed offsets."""
        self._discard()
        with contextlib.suppress(TransientError):
            self._transactions.settle()
        if not self._transactions.reopen():
            return
        if self._renew:
            self._renew_clients()
            return
        try:
            self._rewind()
        except KafkaException:
            # A client whose broker went away during a rebalance may find no coordinator ever again.
            self._renew = True
            raise

    def _renew_clients(self) -> None:
        """Join the group with a new client: the old one holds a deleted topic's positions, or finds no coordinator."""
        self._consumer.close()  # type: ignore[no-untyped-call]
        self._consumer = self._app.get_consumer(auto_commit_enable=False)
        self._renew = self._rebalanced = False
        self._subscribe()

    def close(self) -> None:
        """Leave the group. What was not committed is read again by the next replica."""
        with contextlib.suppress(TransientError):
            self._transactions.settle()
        self._streams.close()
        self._consumer.close()  # type: ignore[no-untyped-call]


def _stage(stage: str, seconds: float) -> None:
    metrics.histogram("streamgauge_batch_stage_seconds").labels(stage).observe(seconds)


def work(running: Process) -> None:
    """Run one replica until the process is stopped."""
    catalog = loader.load(running.settings.catalog)
    kafka.require_broker(running.settings)
    kafka.require_topics(running.settings, [ANALYTICS_TOPIC])
    if own := set(running.settings.foreign_letter_topics) & set(catalog.topics):
        raise UsageError(f"STREAMGAUGE_DEAD_LETTER_TOPICS names `{min(own)}`, which is a topic of Streamgauge itself")
    # Thousands of short-lived objects per chunk, none in a cycle: automatic collection would double the cost of
    # decoding.
    gc.freeze()
    gc.disable()
    make_series(catalog.streams)
    analytics = Analytics(running, catalog)
    try:
        if not analytics.open():
            return
        step = analytics.step
        while not running.stop.is_set():
            try:
                step()
                step = analytics.step
            except StreamsStopped as stopped:
                analytics.set_aside(stopped.obstacles)
            except (TransientError, KafkaException) as error:
                analytics.failed(error)
                step = analytics.recover
    finally:
        analytics.close()


def main() -> int:
    """Entry point of `streamgauge process analytics`; returns the exit code."""
    return process.run("analytics", work)
