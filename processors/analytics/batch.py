"""Batch: what a replica has consumed since its last commit, and the metrics that are counted once it is committed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc
from confluent_kafka import TopicPartition

from processors.analytics import dead_letters
from processors.analytics.arrival import Known
from processors.analytics.dead_letters import ForeignDeadLetter
from processors.analytics.decoder import Chunk, DeadLetter
from processors.analytics.dedup import Deduplicator
from streamgauge.catalog.builtin.audit import AUDIT_TOPIC
from streamgauge.catalog.builtin.retries import RETRIES_TOPIC
from streamgauge.catalog.validation import REASONS
from streamgauge.deltas.wire import Delta
from streamgauge.runtime import metrics
from streamgauge.runtime.kafka import Partition

# Rare records of operators' work: counted as traffic, they would look like a stream that has stopped.
UNCOUNTED = frozenset({RETRIES_TOPIC, AUDIT_TOPIC})


@dataclass
class Batch:
    """Chunks by stream, dead letters (`foreign`: read from other services' topics), and the offsets to resume from.

    `again`: a rebuild reads what was processed before, and has these arrivals; None while events are new.

    `topic_ids` has the id of each topic that it is read from, where the broker gives one.
    """

    topic_ids: Mapping[str, str] = field(default_factory=dict)
    started: float = 0.0
    again: Known | None = None
    events: int = 0
    chunks: dict[str, list[Chunk]] = field(default_factory=lambda: defaultdict(list))
    dead: list[DeadLetter] = field(default_factory=list)
    foreign: list[ForeignDeadLetter] = field(default_factory=list)
    next_offsets: dict[Partition, int] = field(default_factory=dict)
    repeated: dict[str, int] = field(default_factory=dict)

    def relations(self, now_ms: int, deduplicator: Deduplicator | None = None) -> dict[str, pa.Table]:
        """The rows that models select from, by relation. Repeats that `deduplicator` finds are only in `*`."""
        tables, messages, gone = {}, [], []
        for stream, chunks in self.chunks.items():
            tables[stream] = pa.Table.from_batches([chunk.events for chunk in chunks])
            own = pa.Table.from_batches([chunk.messages for chunk in chunks])
            if deduplicator and stream in deduplicator.within_s:
                came = tables[stream].num_rows
                tables[stream], own = deduplicator.filter(stream, tables[stream], own, now_ms)
                self.repeated[stream] = came - tables[stream].num_rows
            if stream not in UNCOUNTED:
                messages.extend(own.to_batches())
            gone += [(chunk.tombstones, self.topic_ids.get(stream)) for chunk in chunks if chunk.tombstones]
        rows, dead_messages = dead_letters.rows(
            self.dead, self.foreign, now_ms, self.topic_ids, again=self.again is not None
        )
        tables["dead_letters"] = pa.Table.from_batches([rows])
        if gone:
            tables["tombstones"] = pa.Table.from_batches([one.rows(topic_id) for one, topic_id in gone])
            messages.extend(one.messages for one, _ in gone)
        tables["*"] = pa.Table.from_batches([*messages, dead_messages])
        return tables

    def offsets(self, metadata: Callable[[str], str]) -> list[TopicPartition]:
        """The offsets to commit: one past the last message of each partition, with `metadata(topic)`."""
        by_topic = {topic: metadata(topic) for topic, _ in self.next_offsets}
        return [
            TopicPartition(topic, number, offset, metadata=by_topic[topic])
            for (topic, number), offset in self.next_offsets.items()
        ]

    def count(self, deltas: list[Delta], deduplicator: Deduplicator) -> None:
        """Count a committed batch in the metrics, and confirm its ids; nothing uncommitted is counted."""
        deduplicator.confirm(self.next_offsets)
        metrics.histogram("streamgauge_batch_events").observe(self.events)
        for stream, chunks in self.chunks.items():
            if stream not in UNCOUNTED:
                self._count_stream(stream, chunks)
        for stream, count in self.repeated.items():
            metrics.counter("streamgauge_repeated_events_total").labels(stream).inc(count)
        for foreign in self.foreign:
            metrics.counter("streamgauge_dead_letters_total").labels(foreign.topic, foreign.error.reason).inc()
        for delta in deltas:
            metrics.counter("streamgauge_deltas_out_total").labels(delta.model).inc()
            metrics.counter("streamgauge_deltas_out_bytes_total").labels(delta.model).inc(len(delta.value))

    def _count_stream(self, stream: str, chunks: list[Chunk]) -> None:
        dead = [letter for letter in self.dead if letter.stream == stream]
        good = sum(chunk.events.num_rows for chunk in chunks)
        size = sum(pc.sum(chunk.messages.column("bytes")).as_py() or 0 for chunk in chunks)
        size += sum(len(letter.record.value or b"") for letter in dead)
        gone = sum(len(chunk.tombstones.keys) for chunk in chunks if chunk.tombstones)
        metrics.counter("streamgauge_events_in_total").labels(stream).inc(good + len(dead) + gone)
        if gone:
            metrics.counter("streamgauge_tombstones_total").labels(stream).inc(gone)
        metrics.counter("streamgauge_events_in_bytes_total").labels(stream).inc(size)
        metrics.counter("streamgauge_slow_path_events_total").labels(stream).inc(sum(c.decoded_singly for c in chunks))
        if outdated := sum(chunk.outdated for chunk in chunks):
            metrics.counter("streamgauge_outdated_events_total").labels(stream).inc(outdated)
        for letter in dead:
            metrics.counter("streamgauge_dead_letters_total").labels(stream, letter.reason).inc()
        for late_by_ms in (late for chunk in chunks for late in chunk.late_by_ms):
            metrics.counter("streamgauge_late_events_total").labels(stream).inc()
            metrics.histogram("streamgauge_lateness_seconds").labels(stream).observe(late_by_ms / 1_000)


def make_series(streams: Iterable[str]) -> None:
    """Start the dead-letter counters at 0: Prometheus sees an increase only in a counter that existed before."""
    for stream in streams:
        for reason in REASONS:
            metrics.counter("streamgauge_dead_letters_total").labels(stream, reason)
