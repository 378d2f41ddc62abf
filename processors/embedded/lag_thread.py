"""The lag sampler in a thread of the process that owns the file: its samples go straight into the tables.

They are records of the stream `lag` as if read from a topic of one partition, whose offsets go on where the file's
provenance ends.
"""

from __future__ import annotations

import threading
import time
from queue import Empty, SimpleQueue
from typing import Any

from confluent_kafka import KafkaException

from processors.analytics.decoder import Records
from processors.lag import service
from processors.lag.history import Snapshot
from streamgauge.catalog.loader import Catalog
from streamgauge.runtime.connection.explain import explained
from streamgauge.runtime.errors import StreamgaugeError
from streamgauge.runtime.process import Process

SUBJECT = "lag"


class _Local:
    """A record's source: without key and headers."""

    def key(self) -> None:
        """None."""

    def headers(self) -> None:
        """None."""


_SOURCE: Any = _Local()


class LagThread:
    """`take` what was sampled since the last call. What the sampler finds wrong is a problem of `running`."""

    def __init__(self, running: Process, catalog: Catalog, next_offset: int) -> None:
        self._running, self._catalog = running, catalog
        self._sampled: SimpleQueue[bytes] = SimpleQueue()
        self._offset = next_offset
        # It reports to a process of its own name, whose state becomes a problem here.
        self._sampler = Process("lag", running.settings, running.stop)
        self._thread = threading.Thread(target=self._work, name="lag", daemon=True)

    def start(self) -> None:
        """Begin to sample."""
        self._thread.start()

    def _work(self) -> None:
        try:
            service.sample(self._sampler, self._catalog, self._publish)
        except KafkaException as error:
            self._sampler.unready(f"the lag sampler ended: {explained(error, self._running.settings)}")
        except StreamgaugeError as error:
            self._sampler.unready(f"the lag sampler ended: {error}")

    def _publish(self, snapshot: Snapshot) -> None:
        for _, value in service.events(snapshot):
            self._sampled.put(value)

    def take(self) -> Records:
        """The samples that came since, as records."""
        values: list[bytes | None] = []
        try:
            while True:
                values.append(self._sampled.get_nowait())
        except Empty:
            pass
        rows, now_ms = len(values), int(time.time() * 1_000)
        offsets = list(range(self._offset, self._offset + rows))
        self._offset += rows
        self._report()
        return Records(values, [0] * rows, offsets, [now_ms] * rows, [now_ms] * rows, [_SOURCE] * rows)

    def back_to(self, offset: int) -> None:
        """What was taken was not merged: the next sample has this offset."""
        self._offset = offset

    def _report(self) -> None:
        self._running.lacks(self._sampler.missing)
        health = self._sampler.health
        if health["status"] == "ready" or health["why"] == "starting":
            self._running.solved(SUBJECT)
        else:
            self._running.problem(SUBJECT, health["why"])

    def close(self) -> None:
        """Wait until it has stopped."""
        self._thread.join(service.MAX_TIMEOUT_S)
