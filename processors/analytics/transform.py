"""Transform: Kafka messages → batch → deltas. Pure of commits, clocks and brokers; who commits the result is the mode.

Analytics commits deltas and offsets in one Kafka transaction; `streamgauge rebuild` merges the same deltas into a new
file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa
from confluent_kafka import Message

from processors.analytics.arrival import DAY_MS, Bounds
from processors.analytics.batch import Batch
from processors.analytics.dead_letters import ForeignDeadLetter
from processors.analytics.decoder import DeadLetter, Decoder, Records
from processors.analytics.dedup import Deduplicator
from streamgauge.catalog import deduplication
from streamgauge.catalog.loader import Catalog
from streamgauge.deltas.models import Models
from streamgauge.runtime.settings import Settings

OnChunk = Callable[[str, Records, Sequence[DeadLetter]], None]


def _ignore(_stream: str, _records: Records, _dead: Sequence[DeadLetter]) -> None:
    """No observer."""


def bounds(settings: Settings) -> Bounds:
    """How far an event's time may lie from its arrival, by the settings."""
    return Bounds(
        settings.max_future_s * 1_000, settings.max_past_days * DAY_MS, settings.window_retention_days * DAY_MS
    )


class Transform:
    """Decoders, deduplicator and models of one catalog."""

    def __init__(self, settings: Settings, catalog: Catalog) -> None:
        self.decoders = {
            topic: Decoder(stream, bounds(settings), max_bytes=settings.max_event_bytes)
            for topic, stream in catalog.streams.items()
        }
        self.deduplicator = Deduplicator(deduplication.horizons(catalog.streams, settings.deduplicate))
        self._models = Models(catalog)

    def decode(self, batch: Batch, messages: list[Message], now_ms: int, on_chunk: OnChunk = _ignore) -> None:
        """Decode messages into `batch`. `on_chunk` gets each stream's records and dead letters; what it raises ends
        the call.
        """
        # This touches every message: calls into C, and no Python function per message.
        by_topic: dict[str, list[Message]] = {}
        topics = list(map(Message.topic, messages))
        if len(named := set(topics)) == 1:
            by_topic[named.pop()] = messages
        else:
            for topic, message in zip(topics, messages, strict=True):
                by_topic.setdefault(topic, []).append(message)
        for topic, own in by_topic.items():
            self.take(batch, topic, Records.of(own, now_ms, batch.again), now_ms, on_chunk)

    def take(self, batch: Batch, topic: str, records: Records, now_ms: int, on_chunk: OnChunk = _ignore) -> None:
        """Decode records of one topic into `batch`, as `decode` does."""
        if decoder := self.decoders.get(topic):
            chunk = decoder.chunk(records, now_ms)
            on_chunk(topic, records, chunk.dead)
            batch.chunks[topic].append(chunk)
            batch.dead.extend(chunk.dead)
        else:
            batch.foreign.extend(ForeignDeadLetter(topic, record) for record in records.singly())
        batch.events += len(records.offsets)
        for partition, offset in dict(zip(records.partitions, records.offsets, strict=True)).items():
            batch.next_offsets[topic, partition] = offset + 1

    def deltas(self, batch: Batch, now_ms: int) -> Iterator[tuple[str, pa.Table]]:
        """Name and delta of each model that has rows. Raises `FatalError` when a model cannot be computed."""
        return self._models.deltas(batch.relations(now_ms, self.deduplicator))

    def reset(self) -> None:
        """Forget the newest event times: the partitions were reassigned."""
        for decoder in self.decoders.values():
            decoder.forget()
