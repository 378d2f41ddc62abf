"""Placement: events whose producer put their key into another partition than the other producers do.

A service that joins topics by key finds what belongs together only where a key is in the same partition of all of
them. What the service publishes is placed by murmur2, as Java's clients do; an event placed otherwise (librdkafka's
default is CRC32) reaches the state of another partition, where nothing of its order is known. Nothing can mend that
here, so it is counted, reported on `/health` for as long as it goes on, and alerted on.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from processors.streaming.quix_app import message_context
from streamgauge.domain import partitioner
from streamgauge.runtime import metrics
from streamgauge.runtime.printable import printable
from streamgauge.runtime.process import Process

# A header that names the producer's client; by default the envelope's field `source` does.
CLIENT_ID = "client.id"
# A producer's name comes from its events: no more series than this, whatever they say.
MOST_PRODUCERS = 20
OTHERS = "others"
# A producer that was corrected is a problem no longer.
OVER_AFTER_S = 600.0


class Placement:
    """Checks the events of one topic with `partitions` partitions."""

    def __init__(self, process: Process, topic: str, partitions: int) -> None:
        self._process, self._topic, self._partitions = process, topic, partitions
        self._misplaced = metrics.counter("streamgauge_service_misplaced_events_total")
        self._producers: set[str] = set()
        self._subject = f"placement of {topic}"
        self._count, self._last = 0, 0.0

    def check(self, event: Any, key: bytes | None, _timestamp: int, headers: Any) -> None:
        """Count an event that is not where murmur2 puts its key. One without a key is nobody's mistake."""
        if key and (placed := message_context().partition) != partitioner.partition(key, self._partitions):
            self._report(event, key, placed, headers)

    def _report(self, event: Any, key: bytes, placed: int, headers: Any) -> None:
        how, producer = partitioner.guess(key, placed, self._partitions), self._named(event, headers)
        self._misplaced.labels(self._topic, producer, how).inc()
        self._count, self._last = self._count + 1, time.monotonic()
        # The count is a metric; here one sentence an order of magnitude is enough.
        if str(self._count).strip("0") == "1":
            self._process.problem(
                self._subject,
                f"{self._count:,} or more events of `{self._topic}` are not where murmur2 puts their key, so they "
                f"meet no other event of it: last `{printable(key.decode(errors='replace'))}` in partition {placed} "
                f"from `{printable(producer)}` (perhaps {partitioner.MEANING[how]}); set its `partitioner` to "
                "murmur2_random (docs/partitioning.md)",
            )

    def look_back(self) -> None:
        """Withdraw the problem when there has been none for `OVER_AFTER_S`."""
        if self._count and time.monotonic() - self._last > OVER_AFTER_S:
            self._count = 0
            self._process.solved(self._subject)

    def _named(self, event: Any, headers: Iterable[tuple[str, bytes]] | None) -> str:
        client = dict(headers or ()).get(CLIENT_ID)
        name = client.decode(errors="replace") if client else str(getattr(event, "source", "") or "unknown")
        if name not in self._producers and len(self._producers) >= MOST_PRODUCERS:
            return OTHERS
        self._producers.add(name)
        return name
