"""Speed of the generator: the shop alone, with its ledger, and publishing to Kafka.

    python -m benchmarks.generator [--events 500000] [--no-kafka]

Publishing needs a broker with its topics (`streamgauge broker`, `streamgauge topics`): the local one, or that of
`STREAMGAUGE_BOOTSTRAP_SERVERS`.
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.table import Table

from benchmarks.machine import machine
from generators.encode import Event
from generators.generate import garbage_collection_deferred, generate
from generators.ledger import Ledger
from generators.options import Options
from generators.shop import Shop
from streamgauge.cli.terminal import Screen
from streamgauge.runtime import settings
from streamgauge.runtime.errors import UsageError
from streamgauge.runtime.process import Process

START_MS = 1_760_000_000_000
RATE = 50_000.0


def simulate(events: int) -> tuple[float, float]:
    """Seconds per event of the shop, and of the ledger."""
    shop = Shop(1, START_MS, RATE)
    ledger = Ledger()
    making = recording = 0.0
    generated = 0
    while generated < events:
        began = time.perf_counter()
        batch: list[Event] = []
        while len(batch) < 10_000:
            batch += shop.tick()
        between = time.perf_counter()
        ledger.add(batch)
        recording += time.perf_counter() - between
        making += between - began
        generated += len(batch)
    return making / generated, recording / generated


def publish(events: int, **options: float) -> float:
    """Seconds per event, from the first event to the last acknowledgement, with a ledger file."""
    process = Process("generate", settings.load(), threading.Event())
    with TemporaryDirectory() as folder:
        report = generate(process, Options(rate=0, count=events, ledger=Path(folder) / "ledger.json", **options))  # type: ignore[arg-type]
    assert report.acknowledged == events
    return report.seconds / events


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-kafka", action="store_true")
    wanted = parser.parse_args()
    console = Screen()
    table = Table(
        "what", "ns/event", "events/s", title=f"generator, {wanted.events:,} events, median of {wanted.rounds}"
    )

    def row(what: str, seconds: float) -> None:
        table.add_row(what, f"{seconds * 1e9:,.0f}", f"{1 / seconds:,.0f}")

    with garbage_collection_deferred():
        rounds = [simulate(wanted.events) for _ in range(wanted.rounds)]
    shop, ledger = (statistics.median(column) for column in zip(*rounds, strict=True))
    row("shop: simulate and render JSON", shop)
    row("ledger", ledger)
    row("shop and ledger", shop + ledger)
    if not wanted.no_kafka:
        try:
            publish(min(100_000, wanted.events))  # a broker has to warm up
            row("shop, Kafka, ledger", statistics.median(publish(wanted.events) for _ in range(wanted.rounds)))
            spoilt = statistics.median(publish(wanted.events, invalid=0.01, late=0.02) for _ in range(wanted.rounds))
            row("… with 1 % invalid and 2 % late", spoilt)
        except UsageError as error:
            console.print(f"without Kafka: {error}")
    console.print(f"on {machine()}")
    console.print(table)


if __name__ == "__main__":
    main()
