"""Throughput from Kafka to DuckDB: events per second, cost of each stage, compared with Quix Streams' own windows.

    python -m benchmarks.throughput [--events 2000000] [--quix-events 100000]

One analytics process and one warehouse on a pre-filled topic of six partitions, with complete orders of about 300
bytes; a Quix tumbling window with count and sum runs on the same topic and broker.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
from collections.abc import Iterator

from benchmarks.machine import machine
from streamgauge.catalog.commerce.values import ORDER_CHANNELS, PAYMENT_METHODS
from streamgauge.runtime.settings import Settings
from tests.support.publishing import ordered_producer
from tests.support.rig import Rig, Worker, new_rig
from tests.support.waiting import wait_until

STAGES = ("consume", "decode", "models", "commit")


def orders(count: int, seed: int = 1) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values: `count` placed orders over ten minutes, about 315 bytes each."""
    rng = random.Random(seed)
    start = int(time.time() * 1000) - 600_000
    regions, channels = ("eu-west", "eu-north", "us-east", "apac"), ORDER_CHANNELS
    methods = PAYMENT_METHODS
    for number in range(count):
        quantity, price = rng.randint(1, 4), rng.randint(100, 20_000)
        value = (
            f'{{"event_id":"e{number:012d}","event_type":"order.placed",'
            f'"occurred_at":{start + number * 600_000 // count},'
            f'"source":"storefront","schema_version":1,"order_id":"O-{number:09d}",'
            f'"customer_id":"C-{rng.randrange(100_000):06d}","region":"{rng.choice(regions)}",'
            f'"channel":"{rng.choice(channels)}","payment_method":"{rng.choice(methods)}","currency":"EUR",'
            f'"amount_cents":{quantity * price},"items":[{{"sku":"SKU-{rng.randrange(5000):05d}","quantity":{quantity},'
            f'"unit_price_cents":{price}}}]}}'
        )
        yield f"O-{number:09d}".encode(), value.encode()


def fill(bootstrap: str, count: int) -> float:
    """Produce the orders; returns their mean size in bytes."""
    producer = ordered_producer(bootstrap, linger_ms=50, batch_size=900_000, queue_buffering_max_messages=500_000)
    size = 0
    for key, value in orders(count):
        size += len(value)
        while True:
            try:
                producer.produce("orders", value, key)
                break
            except BufferError:
                producer.poll(0.1)
    producer.flush()
    return size / count


def measure(rig: Rig, events: int) -> dict[str, float]:
    """Run both processes over the topic; returns seconds from ready until all is merged, by stage."""
    warehouse = rig.start("warehouse")
    analytics = rig.start("process", "analytics")
    began, cpu = time.perf_counter(), (analytics.cpu_s(), warehouse.cpu_s())
    peak = [0.0, 0.0]
    merged = 'streamgauge_merged_rows_total{model="order_events"}'

    def done() -> bool:
        for index, worker in enumerate((analytics, warehouse)):
            peak[index] = max(peak[index], worker.memory_mib())
        return warehouse.metrics().get(merged, 0) >= events

    wait_until(done, f"{events} events merged", timeout_s=900, alive=analytics.process, every_s=0.25)
    took = time.perf_counter() - began
    result = {
        "seconds": took,
        "rate": events / took,
        "analytics_cpu": (analytics.cpu_s() - cpu[0]) / took,
        "warehouse_cpu": (warehouse.cpu_s() - cpu[1]) / took,
        "analytics_mib": peak[0],
        "warehouse_mib": peak[1],
        **_stages(analytics, warehouse, events),
    }
    for worker in (analytics, warehouse):
        if code := worker.stop():
            raise RuntimeError(f"exit code {code}, see {worker.log}")
    return result


def _stages(analytics: Worker, warehouse: Worker, events: int) -> dict[str, float]:
    samples = analytics.metrics()
    name = 'streamgauge_batch_stage_seconds_sum{{stage="{}"}}'
    stages = {stage: samples.get(name.format(stage), 0.0) / events * 1e9 for stage in STAGES}
    stages["merge"] = warehouse.metrics().get("streamgauge_merge_seconds_sum", 0.0) / events * 1e9
    return stages


def quix(bootstrap: str, events: int, guarantee: str) -> float:
    """Events per second of Quix Streams' tumbling window (count and sum) over the same topic."""
    command = [sys.executable, "-m", "benchmarks.quix_window", bootstrap, str(events), guarantee]
    return float(subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout.split()[-1])


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--quix-events", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=Settings.model_fields["batch_max_events"].default)
    parser.add_argument("--interval", type=int, default=Settings.model_fields["commit_interval_ms"].default)
    options = parser.parse_args()
    with new_rig(batch_max_events=options.batch, commit_interval_ms=options.interval) as rig:
        size = fill(rig.kafka.bootstrap, options.events)
        result = measure(rig, options.events)
        print(f"{machine()}; {options.events:,} orders of {size:.0f} bytes")
        for name, value in result.items():
            print(f"  {name:16s} {value:12,.2f}")
        if options.quix_events:
            for guarantee in ("at-least-once", "exactly-once"):
                rate = quix(rig.kafka.bootstrap, options.quix_events, guarantee)
                times = result["rate"] / rate
                print(f"  quix {guarantee:13s}{rate:11,.0f} events/s; Streamgauge does {times:.1f} times that")


if __name__ == "__main__":
    main()
