"""Cost of deduplication: off compared with on, bytes per id, and restoring ids from the log.

    python -m benchmarks.repeats [--events 400000] [--ids 1000000] [--rounds 3] [--recall 1000000]

1. CPU time of decoding, models and, if on, deduplication, for batches of 25,000 orders of six partitions and a window
   of `--ids` ids; off and on alternate, and the best round of each counts.
2. The window at several sizes.
3. A real broker with `--recall` orders: the time in which a replica restores its ids. 0 skips it.
"""

from __future__ import annotations

import argparse
import gc
import time

import numpy as np
from confluent_kafka import Consumer, TopicPartition

from benchmarks.machine import machine
from benchmarks.throughput import fill, orders
from processors.analytics.arrival import Bounds
from processors.analytics.batch import Batch
from processors.analytics.decoder import Decoder, Records
from processors.analytics.dedup import Deduplicator
from processors.analytics.dedup_restore import DedupRestore
from processors.analytics.dedup_window import DedupWindow
from streamgauge.catalog import loader
from streamgauge.deltas import wire
from streamgauge.deltas.models import Models
from streamgauge.runtime.settings import Settings
from tests.support.rig import new_rig

PARTITIONS, BATCH, CHUNK, WITHIN_S = 6, 25_000, 1_000, 600


def order_decoder() -> Decoder:
    """As analytics makes it."""
    return Decoder(loader.load("streamgauge.catalog.commerce").streams["orders"], Bounds(3_600_000), max_bytes=262_144)


def ran(values: list[bytes], first: int, deduplicator: Deduplicator, models: Models) -> dict[str, float]:
    """Nanoseconds per event of each step over `values`, whose offsets begin at `first`."""
    decoder = order_decoder()
    took = dict.fromkeys(("decode", "relations", "models"), 0.0)
    for start in range(0, len(values), BATCH):
        batch, now_ms = Batch(), int(time.time() * 1_000)
        began = time.process_time()
        for at in range(start, min(start + BATCH, len(values)), CHUNK):
            part: list[bytes | None] = list(values[at : at + CHUNK])
            partition, offset = at // CHUNK % PARTITIONS, first + at
            offsets = list(range(offset, offset + len(part)))
            now = [now_ms] * len(part)
            records = Records(part, [partition] * len(part), offsets, now, now, [None] * len(part))
            batch.chunks["orders"].append(decoder.chunk(records, now_ms))
            batch.next_offsets["orders", partition] = offset + len(part)
        took["decode"] += time.process_time() - began
        began = time.process_time()
        tables = batch.relations(now_ms, deduplicator)
        deduplicator.confirm(batch.next_offsets)
        took["relations"] += time.process_time() - began
        began = time.process_time()
        for model, rows in models.deltas(tables):
            list(wire.encode(model, rows, 900_000))
        took["models"] += time.process_time() - began
        gc.collect(1)
    return {step: seconds / len(values) * 1e9 for step, seconds in took.items()}


def filled(count: int) -> DedupWindow:
    """A window of `count` ids of one partition, evenly over the horizon, in batches of 4,000."""
    window, rng = DedupWindow(WITHIN_S), np.random.default_rng(1)
    for start in range(0, count, 4_000):
        ids = rng.integers(0, 2**64, min(4_000, count - start), np.uint64)
        offsets = np.arange(start, start + len(ids))
        window.add(ids, 10**12 + offsets * WITHIN_S * 1_000 // count, offsets)
        window.confirm(start + len(ids))
    return window


def cost(events: int, ids: int, rounds: int) -> None:
    """Compare off with on."""
    values = [value for _, value in orders(events)]
    models = Models(loader.load("streamgauge.catalog.commerce"))
    best: dict[str, dict[str, float]] = {}
    for _ in range(rounds):
        for name in ("off", "on"):
            deduplicator = Deduplicator({"orders": WITHIN_S} if name == "on" else {})
            now_ms = int(time.time() * 1_000)
            for partition in range(PARTITIONS if name == "on" else 0):
                window = deduplicator.windows["orders", partition] = DedupWindow(WITHIN_S)
                share = ids // PARTITIONS
                for start in range(0, share, 4_000):
                    some = np.random.default_rng(start + partition).integers(
                        0, 2**64, min(4_000, share - start), np.uint64
                    )
                    offsets = np.arange(start, start + len(some))
                    window.add(some, now_ms - WITHIN_S * 1_000 + offsets * WITHIN_S * 1_000 // share, offsets)
                    window.confirm(start + len(some))
            result = ran(values, 10**9, deduplicator, models)
            result["all"] = sum(result.values())
            if name not in best or result["all"] < best[name]["all"]:
                best[name] = result
    print(f"{'ns an event':12s}{'decode':>10s}{'relations':>12s}{'models':>10s}{'all':>10s}")
    for name, row in best.items():
        print(f"{name:12s}{row['decode']:10,.0f}{row['relations']:12,.0f}{row['models']:10,.0f}{row['all']:10,.0f}")
    print(f"on, with {ids:,} ids remembered: {best['on']['all'] / best['off']['all'] - 1:+.1%}")


def window() -> None:
    """Bytes per id, and nanoseconds to look up and insert, by the number of ids of a partition."""
    print(f"\n{'ids of a partition':>20s}{'bytes an id':>14s}{'ns an event':>14s}{'mistaken for a repeat':>24s}")
    for count in (10_000, 100_000, 1_000_000, 10_000_000):
        window, rng = filled(count), np.random.default_rng(2)
        size = window.bytes / window.ids
        began, rounds = time.process_time(), 20
        for number in range(rounds):
            start = count + number * 4_000
            window.add(
                rng.integers(0, 2**64, 4_000, np.uint64),
                np.full(4_000, 10**12 + 600_000),
                np.arange(start, start + 4_000),
            )
            window.confirm(start + 4_000)
        each = (time.process_time() - began) / rounds / 4_000 * 1e9
        print(f"{count:20,}{size:14.2f}{each:14,.0f}{count / 2**64:24.1e}")


def recall(events: int) -> None:
    """Restore ids from a real broker."""
    with new_rig(partitions=PARTITIONS) as rig:
        fill(rig.kafka.bootstrap, events)
        settings: Settings = rig.settings
        deduplicator = Deduplicator({"orders": 86_400})
        reader = DedupRestore(settings, {"orders": order_decoder()}, deduplicator, lambda: True)
        probe = Consumer({"bootstrap.servers": rig.kafka.bootstrap, "group.id": "benchmark"})
        ends = [probe.get_watermark_offsets(TopicPartition("orders", number))[1] for number in range(PARTITIONS)]
        probe.close()
        began, cpu = time.perf_counter(), time.process_time()
        reader.read([TopicPartition("orders", number, end) for number, end in enumerate(ends)])
        took, used = time.perf_counter() - began, time.process_time() - cpu
        held = sum(window.ids for window in deduplicator.windows.values())
        size = sum(window.bytes for window in deduplicator.windows.values())
        each, of_core = took / held * 1e6, used / held * 1e6
        print(f"\nread back {held:,} ids in {took:.1f} s: {each:.1f} s a million ({of_core:.1f} s of a core)")
        print(f"{size / held:.2f} bytes an id, {size / 2**20:.1f} MiB")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--ids", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--recall", type=int, default=1_000_000)
    options = parser.parse_args()
    gc.disable()
    print(f"{machine()}; batches of {BATCH:,} orders of {PARTITIONS} partitions")
    cost(options.events, options.ids, options.rounds)
    window()
    if options.recall:
        recall(options.recall)


if __name__ == "__main__":
    main()
