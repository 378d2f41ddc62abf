"""Live count: events in the log, counted while `up` runs; the dashboard's reconciliation compares with it.

A thread reads the catalog's own streams as any committed reader does, and writes `traffic/log.json` every second
(`runtime/data_dir/totals.py`). It joins no group, commits nothing, and shares no code with the pipeline that it
checks.

An event is *processed* when analytics has committed an offset beyond it: its figures are then in the topic `analytics`,
by the same transaction. It is *due* when the warehouse has committed all that `analytics` held at that moment. No rule
here depends on time.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from confluent_kafka import (
    Consumer,
    KafkaException,
    TopicPartition,
)

from streamgauge.catalog.loader import ANALYTICS_TOPIC
from streamgauge.cli import offsets
from streamgauge.cli.offsets import Ends
from streamgauge.runtime import kafka, log_reader
from streamgauge.runtime.data_dir import totals
from streamgauge.runtime.data_dir.totals import Log
from streamgauge.runtime.kafka import Partition
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse.writer import GROUP as WAREHOUSE_GROUP

EVERY_S, CALL_S = 1.0, 3.0
# Points kept per partition while analytics is stopped; then the oldest are dropped, and less is known.
KEPT_POINTS = 3_600
log = logging.getLogger("streamgauge")


@dataclass(frozen=True)
class Observation:
    """The broker's state at one moment: ends of the streams, events processed, ends of `analytics` after that."""

    at_ms: int
    ends: Ends
    processed: Mapping[str, int]
    analytics: Ends


class Count:
    """The arithmetic on events, ends and commits. No Kafka, no clock."""

    def __init__(self, streams: Iterable[str]) -> None:
        self._streams = list(streams)
        self._events: Counter[Partition] = Counter()
        self._reached: dict[Partition, int] = {}
        # Per partition: (offset read up to, events until there).
        self._points: dict[Partition, deque[tuple[int, int]]] = defaultdict(lambda: deque(maxlen=KEPT_POINTS))
        self._processed: Counter[Partition] = Counter()
        self._observations: deque[Observation] = deque()
        self._uncounted: deque[Observation] = deque()
        self.due: Mapping[str, int] = dict.fromkeys(self._streams, 0)
        self.counted_ms = 0

    def read(self, partition: Partition, offset: int) -> None:
        """An event at `offset`."""
        self._events[partition] += 1
        self._reached[partition] = offset + 1

    def ended(self, partition: Partition, offset: int) -> None:
        """Everything before `offset` has been read; markers and aborted events take offsets too."""
        self._reached[partition] = max(offset, self._reached.get(partition, 0))

    def pause(self) -> None:
        """Store how far each partition has been read."""
        for partition, count in self._events.items():
            points = self._points[partition]
            if not points or points[-1][1] != count:
                points.append((self._reached[partition], count))

    def processed(self, committed: Ends) -> dict[str, int]:
        """Events by stream that were read before these offsets: a lower bound."""
        for partition, points in self._points.items():
            while points and points[0][0] <= committed.get(partition, -1):
                self._processed[partition] = points.popleft()[1]
        return self._by_stream(self._processed)

    def observe(self, observation: Observation) -> None:
        """Add an observation; in order of time."""
        self._observations.append(observation)
        self._uncounted.append(observation)

    def settle(self, merged: Ends) -> None:
        """The warehouse has committed these offsets of `analytics`."""
        while self._observations and _covers(merged, self._observations[0].analytics):
            self.due = self._observations.popleft().processed
        # Observations whose ends have been reached by now.
        while self._uncounted and all(
            self._reached.get(partition, 0) >= end for partition, end in self._uncounted[0].ends.items()
        ):
            self.counted_ms = self._uncounted.popleft().at_ms
        for waiting in (self._observations, self._uncounted):
            while len(waiting) > KEPT_POINTS:
                waiting.popleft()

    def logged(self) -> dict[str, int]:
        """Events by stream."""
        return self._by_stream(self._events)

    def _by_stream(self, counts: Mapping[Partition, int]) -> dict[str, int]:
        found = dict.fromkeys(self._streams, 0)
        for (stream, _), count in counts.items():
            found[stream] += count
        return found


def _covers(committed: Ends, ends: Ends) -> bool:
    # The last offset may be a transaction's marker, which is never delivered.
    return all(committed.get(partition, 0) >= end - 1 for partition, end in ends.items())


class LiveCount:
    """Counts from `start` until `close`; `before` is what SQL showed at the start, of windows from `since_ms` on."""

    def __init__(
        self, settings: Settings, start: Ends, before: Mapping[str, int], streams: Iterable[str], since_ms: int
    ) -> None:
        self._settings, self._start, self._before, self._since_ms = settings, start, dict(before), since_ms
        self._streams = list(streams)
        self._count = Count(self._streams)
        for partition, end in start.items():
            self._count.ended(partition, end)
        self._began_ms = _now_ms()
        self._client = kafka.admin(settings)
        self._clean = self._nothing_waits()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live-count", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop counting; the file stays."""
        self._stop.set()
        self._thread.join(10.0)

    def _nothing_waits(self) -> bool:
        try:
            return not (
                offsets.waiting(self._client, self._settings.analytics_group, self._streams, CALL_S)
                or offsets.waiting(self._client, WAREHOUSE_GROUP, [ANALYTICS_TOPIC], CALL_S)
            )
        except (KafkaException, TimeoutError):
            return False

    def _run(self) -> None:
        consumer = log_reader.consumer(self._settings, "streamgauge-up", {"auto.offset.reset": "latest"})
        try:
            consumer.assign([TopicPartition(*partition, offset) for partition, offset in self._start.items()])
            due = time.monotonic()
            while not self._stop.is_set():
                self._read(consumer)
                if time.monotonic() >= due:
                    due = time.monotonic() + EVERY_S
                    self._publish()
            self._read(consumer)
            self._publish()
        except KafkaException as error:
            log.warning("the log is no longer counted: %s", error)
        finally:
            consumer.close()

    def _read(self, consumer: Consumer) -> None:
        fetched = log_reader.fetch(consumer, wait_s=0.25)
        for message in fetched.messages:
            self._count.read(log_reader.partition_of(message), message.offset() or 0)
        for partition, offset in fetched.ends.items():
            self._count.ended(partition, offset)
        self._count.pause()

    def _publish(self) -> None:
        # While the broker is away, the count so far stays true.
        with contextlib.suppress(KafkaException, TimeoutError):
            self._observe()
        try:
            totals.write_log(self._settings.data_dir, self._log())
        except OSError as error:
            log.debug("the count of the log is not written: %s", error)

    def _observe(self) -> None:
        at_ms = _now_ms()
        ends = offsets.ends(self._client, self._start, CALL_S, committed=True)
        committed = offsets.committed(self._client, self._settings.analytics_group, self._start, CALL_S)
        processed = self._count.processed(committed)
        of = offsets.partitions(self._client, [ANALYTICS_TOPIC], CALL_S)
        analytics = offsets.ends(self._client, of, CALL_S, committed=True)
        self._count.observe(Observation(at_ms, ends, processed, analytics))
        self._count.settle(offsets.committed(self._client, WAREHOUSE_GROUP, analytics, CALL_S))

    def _log(self) -> Log:
        count = self._count
        return Log(
            os.getpid(),
            self._began_ms,
            self._since_ms,
            _now_ms(),
            count.counted_ms,
            self._clean,
            self._before,
            count.logged(),
            count.processed({}),
            dict(count.due),
        )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
