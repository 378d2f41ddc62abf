"""`streamgauge generate`: publishes the synthetic shop's events to Kafka.

Input:     the seed and the clock.
Output:    orders, inventory, marketing, payments, shipments.
State:     in memory only; every run is a new shop.
Guarantee: each event is written once (idempotent producer that retries for as long as it runs); the ledger counts
           exactly what the broker acknowledged.
"""

from __future__ import annotations

import gc
import logging
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from confluent_kafka import KafkaException, Producer

from generators.duplicates import Duplicates
from generators.ledger import REFERENCE, STREAMS, Ledger
from generators.options import DEFAULT_FRAUD, Options
from generators.progress import Progress
from generators.publisher import Publisher, producer_config
from generators.scheduler import TICK_MS
from generators.shop import TIMELINE_RATE, Shop
from generators.storefront import Storefront
from streamgauge.runtime import kafka, metrics
from streamgauge.runtime.connection.explain import explained
from streamgauge.runtime.connection.rights import Right
from streamgauge.runtime.data_dir import faults, totals
from streamgauge.runtime.errors import FatalError
from streamgauge.runtime.process import Process
from streamgauge.runtime.settings import Settings

log = logging.getLogger("streamgauge")

LEDGER_EVERY_S = 3.0
REPORT_EVERY_S = 1.0
PACE_S = 0.02
# Further behind the wall clock than this, the shop skips the gap; else all later events would be dated in the past.
MOST_BEHIND_MS = 3_000
# "As fast as possible" on the wall clock: more than any machine can do.
UNLIMITED = 250_000.0
STOP_S = 10.0
SILENT_S = 5.0


@dataclass(frozen=True)
class Report:
    """Result of a run: events acknowledged and not acknowledged, duration in seconds, the ledger's totals."""

    acknowledged: int
    undelivered: int
    seconds: float
    totals: dict[str, Any]

    @property
    def rate(self) -> float:
        """Acknowledged events per second."""
        return self.acknowledged / self.seconds if self.seconds else 0.0


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _open_shop(options: Options, settings: Settings) -> tuple[Shop, bool]:
    """Build the shop; the second value tells whether its clock follows the wall clock."""
    live = options.start_ms is None and (options.rate > 0 or options.count is None)
    if options.start_ms is not None:
        start = options.start_ms
    elif live:
        start = _now_ms()
    else:
        start = _now_ms() - int((options.count or 0) / TIMELINE_RATE * 1000)
    rate = options.rate or (UNLIMITED if live else TIMELINE_RATE)
    shares: dict[str, Any] = {"invalid": options.invalid, "late": options.late, "skew": options.skew}
    if not options.storefront:
        return Shop(options.seed, start, rate, max_event_bytes=settings.max_event_bytes, **shares), live
    shares["fraud"] = DEFAULT_FRAUD if options.fraud is None else options.fraud
    return Storefront(options.seed, start, rate, max_event_bytes=settings.max_event_bytes, **shares), live


def _require_topics(settings: Settings, options: Options) -> None:
    kafka.require_broker(settings)
    kafka.require_topics(settings, ("orders", "marketing", *REFERENCE) if options.storefront else STREAMS)


@contextmanager
def garbage_collection_deferred() -> Iterator[None]:
    """Keep the garbage collector from scanning: the world is permanent, and events have no reference cycles."""
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def generate(process: Process, options: Options) -> Report:
    """Publish events until the count or the duration is reached or the process is stopped.

    Waits through broker outages. Raises `UsageError` for wrong options or missing topics and `FatalError` if the broker
    rejects events permanently; the ledger is written in every case.
    """
    options.check()
    settings = process.settings
    _require_topics(settings, options)
    shop, live = _open_shop(options, settings)
    ledger = Ledger(shop.labels if isinstance(shop, Storefront) else None)
    publisher = Publisher(partial(Producer, producer_config(settings)), ledger)
    run = _Run(process, options, publisher, ledger, shop.now)
    with garbage_collection_deferred(), Progress(options.count, options.for_s) as progress:
        run.progress = progress
        run.start()
        try:
            _produce(run, shop, live)
        finally:
            publisher.finish(run.give_up)
            run.report(final=True)
    if publisher.failure is not None:
        why = explained(KafkaException(publisher.failure), settings, Right("Write", "topic", publisher.refused_by))
        raise FatalError(f"events were refused: {why}; {publisher.undelivered} are not in the log")
    if publisher.undelivered:
        log.warning("%d events were not acknowledged before the stop", publisher.undelivered)
    return Report(publisher.acknowledged, publisher.undelivered, run.seconds, ledger.totals())


def _produce(run: _Run, shop: Shop, live: bool) -> None:
    """Publish tick by tick, paced by the wall clock if there is a rate."""
    options, publisher = run.options, run.publisher
    left = options.count if options.count is not None else math.inf
    duplicates = Duplicates(options.seed, options.duplicates)
    watch = faults.FaultWatch(run.process.settings.data_dir)
    paced = options.rate > 0
    if live:
        shop.skip_to(_now_ms())  # building the shop took time; that is no backlog
    began_ms, shop_began_ms = _now_ms(), shop.now
    while left > 0 and run.running():
        if isinstance(shop, Storefront):
            shop.surge(on=watch.active(faults.CAMPAIGN_SURGE))
            shop.poison(on=watch.active(faults.POISON_BURST))
        if live:
            # A tick is published once it is over, so that no event is dated in the future.
            now = _now_ms()
            if now - shop.now > MOST_BEHIND_MS or (not paced and shop.now < now - TICK_MS):
                if paced:
                    run.warn_behind((now - shop.now) / 1_000)
                shop.skip_to(now - TICK_MS)
            until = now if paced else shop.now + TICK_MS
        elif paced:
            until = shop_began_ms + _now_ms() - began_ms
        else:
            until = shop.now + TICK_MS
        sent = False
        while shop.now + TICK_MS <= until and left > 0 and run.running():
            events = shop.tick()
            if len(events) > left:
                events = events[: int(left)]
            left -= len(events)
            publisher.send(events, run.running)
            if options.duplicates:
                publisher.send(duplicates.due(events, shop.now), run.running, copies=True)
            publisher.poll()
            sent = True
        run.report()
        if paced:
            publisher.poll(PACE_S / 2)
            if not sent:
                time.sleep(PACE_S / 2)
    publisher.send(duplicates.remaining(), run.running, copies=True)


class _Run:
    """Bookkeeping of a run: its end, its progress reports, its ledger file."""

    def __init__(self, process: Process, options: Options, publisher: Publisher, ledger: Ledger, start_ms: int) -> None:
        self.process = process
        self.options = options
        self.publisher = publisher
        self.progress: Progress | None = None
        self._ledger = ledger
        self._start_ms = start_ms
        self._began = time.monotonic()
        self._next_report = 0.0
        self._next_ledger = self._began + LEDGER_EVERY_S
        self._stop_by: float | None = None
        self._counted: dict[str, int] = {}
        self._fell_behind = False
        self._acknowledged = 0
        self._acknowledged_at = self._began

    def warn_behind(self, seconds: float) -> None:
        """Warn, once, that the machine cannot keep up with the rate."""
        if not self._fell_behind:
            self._fell_behind = True
            log.warning("%.1f s behind --rate %g; skipping them", seconds, self.options.rate)

    def start(self) -> None:
        """Start the clock of the run."""
        self._began = self._acknowledged_at = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._began

    def running(self) -> bool:
        """Whether the run goes on: not stopped, not failed, not out of time."""
        if self.process.stop.is_set() or self.publisher.failure is not None:
            return False
        self.report()
        return self.options.for_s is None or self.seconds < self.options.for_s

    def give_up(self) -> bool:
        """Whether the time to wait for acknowledgements is over; it begins when the process is stopped."""
        self.report()
        if self._stop_by is None and self.process.stop.is_set():
            self._stop_by = time.monotonic() + STOP_S
        return self._stop_by is not None and time.monotonic() > self._stop_by

    def report(self, *, final: bool = False) -> None:
        """Update readiness, metrics and progress every second, and the ledger file every few seconds."""
        now = time.monotonic()
        if not final and now < self._next_report:
            return
        self._next_report = now + REPORT_EVERY_S
        publisher = self.publisher
        if publisher.acknowledged > self._acknowledged:
            self._acknowledged, self._acknowledged_at = publisher.acknowledged, now
            self.process.ready()
        elif publisher.waiting and now - self._acknowledged_at > SILENT_S:
            self.process.unready(f"the broker acknowledges nothing{publisher.last_error}; waiting for it")
        counter = metrics.counter("streamgauge_generated_events_total")
        for stream, count in self._ledger.produced().items():
            counter.labels(stream).inc(count - self._counted.get(stream, 0))
            self._counted[stream] = count
        with suppress(OSError):  # for the dashboard's reconciliation; the events matter more
            totals.write_published(self.process.settings.data_dir, self._published(final))
        if self.progress is not None:
            self.progress.show(publisher.acknowledged, self.seconds, final=final)
        if self.options.ledger is not None and (final or now >= self._next_ledger):
            self._next_ledger = now + LEDGER_EVERY_S
            self._ledger.write(self.options.ledger, self._describe(final))

    def _published(self, final: bool) -> totals.Published:
        return totals.Published("generate", os.getpid(), self._start_ms, _now_ms(), final, self._ledger.published())

    def _describe(self, final: bool) -> dict[str, Any]:
        options = asdict(self.options)
        options["ledger"] = str(self.options.ledger)
        return {
            "complete": final,
            "start_ms": self._start_ms,
            "written_ms": _now_ms(),
            "seconds": round(self.seconds, 3),
            "options": options,
        }
