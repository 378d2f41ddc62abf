"""Response times of the pages with millions of events and several sessions, and memory during a soak.

    python -m benchmarks.dashboard [--events 10000000] [--sessions 8] [--seconds 60] [--soak MINUTES]

The events are one day of the shop's, published to Kafka and processed by analytics and the warehouse; half a minute of
the storefront with all services follows, so that sagas, verdicts and credits exist. Then the generator runs at 200/s
while the sessions are open, distributed over the pages. A session is a page's WebSocket without a browser
(sessions.py): its first run is measured from opening the connection, each refresh from the request, both to the last
element. `paint` and `figure` are measured in chromium with an empty cache before the sessions: from the request to the
first content, and to the first figure, table or field.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Iterable
from itertools import cycle, islice
from statistics import median

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from playwright.sync_api import Browser

from benchmarks.machine import machine
from benchmarks.sessions import Session
from dashboard.data.view_state import LIVE_S
from generators.shop import Shop
from streamgauge.cli.local.ports import free_port
from streamgauge.warehouse.client import Warehouse
from tests.browser import chromium
from tests.browser.pages import CONTENT, PAGES
from tests.support.publishing import ordered_producer
from tests.support.rig import Rig, Worker, new_rig
from tests.support.waiting import wait_until

# Services by consumer group, and the topics that they read.
SERVICES = {
    "services": ("fulfilment", "payments", "shipments"),
    "fulfilment": ("orders", "payments", "shipments", "inventory", "fraud"),
    "fraud": ("payments",),
    "attribution": ("orders", "marketing"),
}
DAY_S, MOST_QUEUED, LIVE_RATE, SHOP_S = 86_400, 50_000, 200, 30
VISIBLE_WITHIN_S = 1_800
SETTLES_S = 5.0


def write_past(bootstrap: str, count: int) -> None:
    """Publish `count` events of the last day."""
    shop = Shop(7, int((time.time() - DAY_S) * 1_000), count / DAY_S, invalid=0.001, late=0.002)
    producer = ordered_producer(bootstrap, linger_ms=50, compression_type="lz4")
    for number, event in enumerate(shop.events(count)):
        producer.produce(event[0], event[2], event[1])
        if number % 1_000 == 0:
            while len(producer) > MOST_QUEUED:
                producer.poll(0.1)
    producer.flush()


def visible(rig: Rig) -> int:
    """Events visible in SQL."""
    with Warehouse(rig.settings) as warehouse:
        return int(warehouse.query("SELECT coalesce(sum(events), 0) AS n FROM stream_windows").to_pylist()[0]["n"])


def skip_past(rig: Rig) -> None:
    """Move the services' offsets to the end: they need not process the past events."""
    admin = AdminClient({"bootstrap.servers": rig.settings.bootstrap})
    topics = admin.list_topics(timeout=10).topics
    for group, names in SERVICES.items():
        parts = [TopicPartition(name, number) for name in names for number in topics[name].partitions]
        ends = admin.list_offsets({one: OffsetSpec.latest() for one in parts})
        placed = [TopicPartition(one.topic, one.partition, ends[one].result().offset) for one in parts]
        admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, placed)])[group].result()


def fill(rig: Rig, count: int) -> int:
    """Publish the past, then run the whole shop for half a minute; returns the events visible in SQL."""
    began = time.monotonic()
    write_past(rig.settings.bootstrap, count)
    wait_until(lambda: visible(rig) >= count, f"{count:,} events in SQL", VISIBLE_WITHIN_S, every_s=1.0)
    print(f"{count:,} events in SQL after {time.monotonic() - began:.0f} s", flush=True)
    skip_past(rig)
    shop = [rig.start(*(("services",) if name == "services" else ("process", name))) for name in SERVICES]
    traffic = rig.start(
        "generate", "--storefront", "--fraud", "0.02", "--rate", "200", "--for", str(SHOP_S), ready=False
    )
    traffic.process.wait(SHOP_S + 60)
    time.sleep(SETTLES_S)
    for worker in shop:
        worker.stop()
    return visible(rig)


def painted(browser: Browser, port: int, page: str) -> tuple[float, float]:
    """Seconds from the request to the first content, and to the first figure, table, chart or field."""
    context = browser.new_context()
    tab = context.new_page()
    began = time.perf_counter()
    tab.goto(f"http://127.0.0.1:{port}/{page}?range=15m")
    tab.locator(CONTENT).first.wait_for(timeout=60_000)
    elapsed = time.perf_counter() - began
    first = float(tab.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")) / 1_000
    context.close()
    return first, elapsed


def percentile(values: list[float], share: float) -> float:
    """The `share` quantile of the values; 0 if there are none."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0.0


def opened(port: int, pages: Iterable[str], count: int) -> list[Session]:
    """Open one session per page, one after another, so that their refreshes do not coincide."""
    held = []
    for page in pages:
        held.append(Session(port, page, "range=15m").open())
        time.sleep(LIVE_S / count)
    return held


def measure(rig: Rig, dashboard: Worker, port: int, count: int, seconds: float) -> None:
    """Print the table: each page alone in a browser, then all sessions."""
    with chromium.launched() as browser:
        painted(browser, port, "")
        paints = {page: [painted(browser, port, page) for _ in range(3)] for page in PAGES}
    rig.start("generate", "--rate", str(LIVE_RATE), ready=False)
    cpu, warehouse_cpu, began = dashboard.cpu_s(), rig.workers[1].cpu_s(), time.monotonic()
    firsts, refreshes, failed = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list), list[str]()
    # As many rounds as it takes to open each page once.
    for start in range(0, len(PAGES), count):
        order = list(PAGES)[start:] + list(PAGES)[:start]
        held = opened(port, islice(cycle(order), count), count)
        time.sleep(seconds)
        for one in held:
            times = one.close()
            firsts[one.path].append(times.first_s)
            refreshes[one.path] += times.refreshes_s
            failed += times.failed
    elapsed = time.monotonic() - began
    print(
        f"{'page':19s} {'paint s':>7s} {'figure s':>8s} {'first run s':>11s} "
        f"{'refresh p50 ms':>14s} {'p95':>6s} {'worst':>6s} {'n':>5s}"
    )
    for page, name in PAGES.items():
        ms = [1_000 * value for value in refreshes[page]]
        paint, figure = (median(values) for values in zip(*paints[page], strict=True))
        print(
            f"{name:19s} {paint:7.2f} {figure:8.2f} {max(firsts[page], default=0):11.2f} "
            f"{percentile(ms, 0.5):14.0f} {percentile(ms, 0.95):6.0f} {max(ms, default=0):6.0f} {len(ms):5,}"
        )
    print(
        f"{count} sessions: dashboard {100 * (dashboard.cpu_s() - cpu) / elapsed:.0f} % of a core, warehouse "
        f"{100 * (rig.workers[1].cpu_s() - warehouse_cpu) / elapsed:.0f} %; {dashboard.memory_mib():.0f} MiB; "
        f"{len(failed)} exceptions shown {failed[:1] or ''}",
        flush=True,
    )


def soak(dashboard: Worker, port: int, count: int, minutes: float) -> None:
    """Print the dashboard's memory while sessions are open; every five minutes half of them change their page."""
    pages = cycle(PAGES)
    held = opened(port, islice(pages, count), count)
    samples = list[tuple[float, float]]()
    began = time.monotonic()
    print(f"{'minute':>7s} {'MiB':>7s} {'refreshes':>10s}")
    refreshes = 0
    while (minute := (time.monotonic() - began) / 60) < minutes:
        time.sleep(60)
        samples.append((minute + 1, dashboard.memory_mib()))
        if len(samples) % 5 == 0:
            so_far = refreshes + sum(len(one.times.refreshes_s) for one in held)
            print(f"{minute + 1:7.0f} {samples[-1][1]:7.0f} {so_far:10,}", flush=True)
            for number in range(0, count, 2):
                refreshes += len(held[number].close().refreshes_s)
                held[number] = Session(port, next(pages), "range=15m").open()
    failed = [text for one in held for text in one.close().failed]
    half = [memory for minute, memory in samples if minute > minutes / 2]
    quarter = max(1, len(half) // 2)
    print(
        f"second half: {median(half[:quarter]):.0f} MiB at first, {median(half[-quarter:]):.0f} MiB at last; "
        f"{len(failed)} exceptions shown {failed[:1] or ''}"
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--sessions", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--soak", type=float, default=0.0, metavar="MINUTES")
    options = parser.parse_args()
    print(machine())
    with new_rig(raw_retention_rows=50_000_000) as rig:
        rig.start("process", "analytics")
        rig.start("warehouse")
        rig.start("process", "lag")
        print(f"{fill(rig, options.events):,} events in the tables", flush=True)
        port = free_port()
        dashboard = rig.start("dashboard", dashboard_port=port)
        measure(rig, dashboard, port, options.sessions, options.seconds)
        if options.soak:
            soak(dashboard, port, options.sessions, options.soak)


if __name__ == "__main__":
    main()
