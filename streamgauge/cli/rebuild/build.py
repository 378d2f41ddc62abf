"""A new DuckDB file from the log, by the same path that events take every day: intake, models, merge."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from confluent_kafka import Message

from processors.analytics.batch import Batch
from processors.analytics.dead_letters import ForeignDeadLetter
from processors.analytics.decoder import Decoder, Records
from processors.analytics.dedup import Deduplicator
from streamgauge.catalog import deduplication
from streamgauge.catalog.loader import Catalog
from streamgauge.cli.rebuild import processing
from streamgauge.deltas.compute import Models
from streamgauge.deltas.provenance import Provenance
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse.store import Store, connect

MERGE_EVENTS = 100_000
DELTA_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Running:
    """A snapshot of the running file: where it is, where it stands in `analytics`, and what it reflects."""

    path: Path
    offsets: Mapping[int, int]
    inputs: Provenance
    cluster_id: str
    at: float


class Deltas:
    """Messages to deltas, as a replica of analytics makes them, without a broker and without a clock."""

    def __init__(self, settings: Settings, catalog: Catalog) -> None:
        self._models = Models(catalog, DELTA_BYTES)
        # Each partition is read from its beginning and in order, so what is a repeat is known without reading back.
        self._deduplicator = Deduplicator(deduplication.horizons(catalog.streams, settings.deduplicate))
        self._decoders = {
            topic: Decoder(stream, max_bytes=settings.max_event_bytes, max_future_ms=settings.max_future_s * 1_000)
            for topic, stream in catalog.streams.items()
        }

    def take(self, batch: Batch, messages: list[Message], now_ms: int) -> None:
        """Decode messages into the batch."""
        by_topic: dict[str, list[Message]] = {}
        for message in messages:
            by_topic.setdefault(message.topic(), []).append(message)
        for topic, some in by_topic.items():
            records = Records.of(some)
            if decoder := self._decoders.get(topic):
                chunk = decoder.chunk(records, now_ms)
                batch.chunks[topic].append(chunk)
                batch.dead.extend(chunk.dead)
            else:
                batch.foreign.extend(ForeignDeadLetter(topic, record) for record in records.singly())
            batch.events += len(some)
            batch.next_offsets |= {
                (topic, partition): offset + 1
                for partition, offset in zip(records.partitions, records.offsets, strict=True)
            }

    def of(self, batch: Batch, now_ms: int) -> dict[str, pa.Table]:
        """The batch's deltas by model."""
        parts: dict[str, list[pa.Table]] = {}
        for delta in self._models.deltas(batch.relations(now_ms, self._deduplicator)):
            parts.setdefault(delta.model, []).append(pa.ipc.open_stream(delta.value).read_all())
        self._deduplicator.confirm(batch.next_offsets)
        return {model: pa.concat_tables(tables, promote_options="permissive") for model, tables in parts.items()}


def build(settings: Settings, catalog: Catalog, running: Running, messages: Iterable[list[Any]], folder: Path) -> Path:
    """Write `folder`/warehouse.duckdb and return its path; it stands where the snapshot stood in `analytics`."""
    inside = settings.model_copy(update={"data_dir": folder})
    folder.mkdir(parents=True, exist_ok=True)
    db = connect(inside)
    try:
        store = Store(db, catalog, running.cluster_id)
        for deltas in _batches(Deltas(settings, catalog), messages):
            store.merge(deltas, running.offsets)
            store.compact()
        _finish(db, catalog, running)
        store.expire(settings)
    finally:
        # Closing writes everything into the one file: no log is left beside it.
        db.execute("CHECKPOINT")
        db.close()
    return inside.warehouse_file


def _batches(deltas: Deltas, messages: Iterable[list[Any]]) -> Iterator[dict[str, pa.Table]]:
    batch = Batch()
    # The clock only bounds how far ahead an event's time may be; what it measures is carried over (processing.py).
    for some in messages:
        deltas.take(batch, some, int(time.time() * 1_000))
        if batch.events >= MERGE_EVENTS:
            yield deltas.of(batch, int(time.time() * 1_000))
            batch = Batch()
    if batch.events:
        yield deltas.of(batch, int(time.time() * 1_000))


def _finish(db: duckdb.DuckDBPyConnection, catalog: Catalog, running: Running) -> None:
    """What is not in the log: figures of the processing itself, and what the file reflects."""
    db.execute(f"ATTACH '{running.path.resolve()}' AS running (READ_ONLY)")
    db.execute("BEGIN")
    for model in catalog.models:
        processing.carry_over(db, model, "running")
        if model.merge == "append":
            # Retention by number takes the rows that lie first for the oldest.
            db.execute(f'CREATE TABLE internal.sorted AS FROM main."{model.name}" ORDER BY kafka_timestamp')
            db.execute(f'DELETE FROM main."{model.name}"')
            db.execute(f'INSERT INTO main."{model.name}" BY NAME FROM internal.sorted')
            db.execute("DROP TABLE internal.sorted")
    Provenance(running.inputs.ranges, catalog.digest, running.inputs.unrecorded).store(db)
    db.execute("COMMIT")
    db.execute("DETACH running")
