"""Build a new DuckDB file from the log, by the path that live events take: decode, models, merge."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from processors.analytics.batch import Batch
from processors.analytics.transform import Transform
from streamgauge.catalog.loader import Catalog
from streamgauge.cli.rebuild import processing
from streamgauge.deltas.provenance import Provenance
from streamgauge.deltas.transaction_buffer import dated
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse import file_errors
from streamgauge.warehouse.store import Store, connect

MERGE_EVENTS = 100_000


@dataclass(frozen=True)
class Snapshot:
    """A snapshot of the running file: its path, its offsets in `analytics`, and the provenance of its rows.

    `topic_id` is that of `analytics`, "" where the broker knows none.
    """

    path: Path
    offsets: Mapping[int, int]
    provenance: Provenance
    cluster_id: str
    at: float
    topic_id: str = ""


def build(
    settings: Settings, catalog: Catalog, snapshot: Snapshot, messages: Iterable[list[Any]], folder: Path
) -> Path:
    """Write `folder`/warehouse.duckdb and return its path; its offsets in `analytics` are the snapshot's."""
    inside = settings.model_copy(update={"data_dir": folder})
    folder.mkdir(parents=True, exist_ok=True)
    db = connect(inside)
    try:
        store = Store(db, catalog, snapshot.cluster_id)
        store.follow(snapshot.topic_id)
        known, streams = snapshot.provenance, {model.name: model.stream for model in catalog.models}
        since = partial(known.since_of, written_ms=0)
        empty = partial(Batch, known.topic_ids, again=processing.arrivals(settings, catalog, snapshot.path))
        for deltas in _batches(Transform(settings, catalog), messages, empty):
            rows = {name: dated(own, known.topic_ids.get(streams[name], ""), since) for name, own in deltas.items()}
            store.merge(rows, snapshot.offsets)
            store.compact()
        _finish(db, catalog, snapshot)
        store.expire(settings)
        # A checkpoint and a clean close leave no write-ahead log beside the file.
        db.execute("CHECKPOINT")
    finally:
        db.close()
    return inside.warehouse_file


def _batches(
    transform: Transform, messages: Iterable[list[Any]], empty: Callable[[], Batch]
) -> Iterator[dict[str, pa.Table]]:
    batch = empty()
    # Columns that depend on the clock are carried over (processing.py).
    for chunk in messages:
        transform.decode(batch, chunk, int(time.time() * 1_000))
        if batch.events >= MERGE_EVENTS:
            yield _deltas(transform, batch)
            batch = empty()
    if batch.events:
        yield _deltas(transform, batch)


def _deltas(transform: Transform, batch: Batch) -> dict[str, pa.Table]:
    # Each partition is read from its beginning and in order, so repeats are known without a dedup restore.
    deltas = dict(transform.deltas(batch, int(time.time() * 1_000)))
    transform.deduplicator.confirm(batch.next_offsets)
    return deltas


def _finish(db: duckdb.DuckDBPyConnection, catalog: Catalog, snapshot: Snapshot) -> None:
    """Add what is not in the log: columns of the processing itself, and the provenance."""
    db.execute(f"ATTACH '{snapshot.path.resolve()}' AS running (READ_ONLY)")
    with file_errors.transaction(db):
        for model in catalog.models:
            processing.carry_over(db, model, "running")
            if model.merge == "append":
                # Retention by number removes the first rows as the oldest.
                db.execute(f'CREATE TABLE internal.sorted AS FROM main."{model.name}" ORDER BY {model.arrival}')
                db.execute(f'DELETE FROM main."{model.name}"')
                db.execute(f'INSERT INTO main."{model.name}" BY NAME FROM internal.sorted')
                db.execute("DROP TABLE internal.sorted")
        replace(snapshot.provenance, models=catalog.digest).store(db)
    db.execute("DETACH running")
