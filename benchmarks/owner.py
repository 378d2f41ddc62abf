"""Merge throughput of the DuckDB owner: with all models, without raw rows, with windows only.

    python -m benchmarks.owner [--events 1000000]

No Kafka: deltas of complete orders are prepared in batches like those of analytics, then merged as in the warehouse,
with its transactions and compaction, but without reading them from Kafka. Times are CPU times, which other load on the
machine disturbs less than wall time.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa

from benchmarks.machine import machine
from benchmarks.throughput import orders
from processors.analytics.batch import Batch
from processors.analytics.decoder import Decoder, Records
from processors.analytics.transform import bounds
from streamgauge.catalog import loader
from streamgauge.catalog.loader import Catalog
from streamgauge.deltas import wire
from streamgauge.deltas.models import Models
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse.store import Store, connect

STREAM = "orders"
BATCH, CHUNK = 25_000, 1_000
# Kinds of merge that each row of the table includes.
KEPT = {"everything": ("window", "latest", "append"), "no raw rows": ("window", "latest"), "windows alone": ("window",)}


def batches(catalog: Catalog, settings: Settings, count: int) -> Iterator[dict[str, pa.Table]]:
    """Deltas of `count` orders by model, in batches like those of the topic `analytics`."""
    decoder = Decoder(catalog.streams[STREAM], bounds(settings), max_bytes=settings.max_event_bytes)
    models = Models(catalog)
    events = orders(count)
    now_ms = int(time.time() * 1_000)
    for first in range(0, count, BATCH):
        batch = Batch()
        for start in range(first, min(first + BATCH, count), CHUNK):
            values: list[bytes | None] = [value for _key, value in islice(events, CHUNK)]
            size = len(values)
            offsets = list(range(start, start + size))
            now = [now_ms] * size
            records = Records(values, [start // CHUNK % 6] * size, offsets, now, now, [None] * size)
            batch.chunks[STREAM].append(decoder.chunk(records, now_ms))
        yield {
            model: pa.concat_tables(
                wire.decode(delta.value) for delta in wire.encode(model, rows, settings.delta_max_bytes)
            )
            for model, rows in models.deltas(batch.relations(now_ms))
        }


def merge(catalog: Catalog, count: int, kinds: tuple[str, ...]) -> tuple[float, float]:
    """Merge the deltas of models with a merge of `kinds`; returns nanoseconds and bytes of the file per event."""
    kept = {model.name for model in catalog.models if model.merge in kinds}
    spent = 0.0
    with tempfile.TemporaryDirectory(prefix="streamgauge-") as name:
        settings = Settings(data_dir=Path(name))
        db = connect(settings)
        store = Store(db, catalog, "benchmark")
        for number, deltas in enumerate(batches(catalog, settings, count), 1):
            wanted = {model: rows for model, rows in deltas.items() if model in kept}
            began = time.process_time()
            store.merge(wanted, {0: number})
            store.compact()
            spent += time.process_time() - began
        db.execute("CHECKPOINT")
        db.close()
        return spent / count * 1e9, settings.warehouse_file.stat().st_size / count


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--events", type=int, default=1_000_000)
    count = parser.parse_args().events
    catalog = loader.load("streamgauge.catalog.commerce")
    print(machine())
    print(f"{'kept':16s} {'ns/event':>10s} {'events/s at most':>18s} {'bytes/event':>12s}")
    for name, kinds in KEPT.items():
        ns, size = merge(catalog, count, kinds)
        print(f"{name:16s} {ns:10,.0f} {1e9 / ns:18,.0f} {size:12,.0f}", flush=True)


if __name__ == "__main__":
    main()
