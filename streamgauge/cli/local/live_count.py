"""What the log has, counted live by reading it while `up` runs: the figures that the dashboard's proof compares with.

A thread reads the catalog's own streams as any committed reader does, and writes `traffic/log.json` every second
(`runtime/data_dir/totals.py`). It belongs to no group, commits nothing, and shares no code with the pipeline that it
checks.

What is *due* follows in two steps. An event is processed when analytics has committed an offset beyond it: its figures
are then in the topic `analytics`, by the same transaction. It is due when the warehouse has committed, too, all that
`analytics` held at that moment. Nothing here is judged by time.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import dataclass

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import OffsetSpec

from streamgauge.catalog.loader import ANALYTICS_TOPIC
from streamgauge.cli import group_lag
from streamgauge.cli.local.log_count import Ends
from streamgauge.runtime import kafka, log_reader
from streamgauge.runtime.data_dir import totals
from streamgauge.runtime.data_dir.totals import Log
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse.writer import GROUP as WAREHOUSE_GROUP

EVERY_S, ASK_S = 1.0, 3.0
# While analytics stands, so many places a partition are remembered; beyond that the oldest go, and less is known.
REMEMBERED = 3_600
Place = tuple[str, int]
log = logging.getLogger("streamgauge")


@dataclass(frozen=True)
class Asked:
    """What the broker said at one moment: ends of the streams, what was processed, ends of `analytics` after that."""

    at_ms: int
    ends: Ends
    processed: Mapping[str, int]
    analytics: Ends


class Count:
    """The arithmetic: events and ends as they are read, commits as they are asked for. No Kafka, no clock."""

    def __init__(self, streams: Iterable[str]) -> None:
        self._streams = list(streams)
        self._events: Counter[Place] = Counter()
        self._reached: dict[Place, int] = {}
        # Of each partition: where it was read up to, and how many events that were.
        self._points: dict[Place, deque[tuple[int, int]]] = defaultdict(lambda: deque(maxlen=REMEMBERED))
        self._processed: Counter[Place] = Counter()
        self._asked: deque[Asked] = deque()
        self._uncounted: deque[Asked] = deque()
        self.due: Mapping[str, int] = dict.fromkeys(self._streams, 0)
        self.counted_ms = 0

    def read(self, place: Place, offset: int) -> None:
        """An event at `offset`."""
        self._events[place] += 1
        self._reached[place] = offset + 1

    def ended(self, place: Place, offset: int) -> None:
        """Nothing more to read before `offset`, markers and aborted events among what lies there."""
        self._reached[place] = max(offset, self._reached.get(place, 0))

    def pause(self) -> None:
        """Remember how far each partition was read."""
        for place, count in self._events.items():
            points = self._points[place]
            if not points or points[-1][1] != count:
                points.append((self._reached[place], count))

    def processed(self, committed: Ends) -> dict[str, int]:
        """Events by stream before these offsets, of what was read; at least so many."""
        for place, points in self._points.items():
            while points and points[0][0] <= committed.get(place, -1):
                self._processed[place] = points.popleft()[1]
        return self._by_stream(self._processed)

    def ask(self, asked: Asked) -> None:
        """What was asked at a moment; must come in order."""
        self._asked.append(asked)
        self._uncounted.append(asked)

    def settle(self, merged: Ends) -> None:
        """The warehouse has committed these offsets of `analytics`."""
        while self._asked and _covers(merged, self._asked[0].analytics):
            self.due = self._asked.popleft().processed
        # What the log had when its ends were asked for, and is read by now.
        while self._uncounted and all(
            self._reached.get(place, 0) >= end for place, end in self._uncounted[0].ends.items()
        ):
            self.counted_ms = self._uncounted.popleft().at_ms
        for waiting in (self._asked, self._uncounted):
            while len(waiting) > REMEMBERED:
                waiting.popleft()

    def logged(self) -> dict[str, int]:
        """Events by stream."""
        return self._by_stream(self._events)

    def _by_stream(self, counts: Mapping[Place, int]) -> dict[str, int]:
        found = dict.fromkeys(self._streams, 0)
        for (stream, _), count in counts.items():
            found[stream] += count
        return found


def _covers(committed: Ends, ends: Ends) -> bool:
    # The last offset may be a transaction's marker, which nobody reads.
    return all(committed.get(place, 0) >= end - 1 for place, end in ends.items())


class LiveCount:
    """Counts from `start` until `close`; `before` is what SQL showed then, of windows from `since_ms` on."""

    def __init__(
        self, settings: Settings, start: Ends, before: Mapping[str, int], streams: Iterable[str], since_ms: int
    ) -> None:
        self._settings, self._start, self._before, self._since_ms = settings, start, dict(before), since_ms
        self._streams = list(streams)
        self._count = Count(self._streams)
        for place, end in start.items():
            self._count.ended(place, end)
        self._began_ms = _now_ms()
        self._client = kafka.admin(settings)
        self._clean = self._nothing_waits()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live-count", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop; the file stays as it is."""
        self._stop.set()
        self._thread.join(10.0)

    def _nothing_waits(self) -> bool:
        try:
            return not (
                group_lag.waiting(self._client, self._settings.analytics_group, self._streams, ASK_S)
                or group_lag.waiting(self._client, WAREHOUSE_GROUP, [ANALYTICS_TOPIC], ASK_S)
            )
        except (KafkaException, KeyError, NotInTime):
            return False

    def _run(self) -> None:
        consumer = log_reader.consumer(self._settings, "streamgauge-up", {"auto.offset.reset": "latest"})
        try:
            consumer.assign([TopicPartition(*place, offset) for place, offset in self._start.items()])
            due = time.monotonic()
            while not self._stop.is_set():
                self._read(consumer)
                if time.monotonic() >= due:
                    due = time.monotonic() + EVERY_S
                    self._tell()
            self._read(consumer)
            self._tell()
        except KafkaException as error:
            log.warning("the log is not counted any more: %s", error)
        finally:
            consumer.close()

    def _read(self, consumer: Consumer) -> None:
        fetched = log_reader.fetch(consumer, wait_s=0.25)
        for message in fetched.messages:
            self._count.read(log_reader.partition_of(message), message.offset() or 0)
        for partition, offset in fetched.ends.items():
            self._count.ended(partition, offset)
        self._count.pause()

    def _tell(self) -> None:
        # Where the broker is away, what was counted so far stays true.
        with contextlib.suppress(KafkaException, NotInTime):
            self._ask()
        try:
            totals.write_log(self._settings.data_dir, self._log())
        except OSError as error:
            log.debug("the count of the log is not written: %s", error)

    def _ask(self) -> None:
        at_ms = _now_ms()
        ends = self._ends(self._start)
        committed = self._committed(self._settings.analytics_group, self._start)
        processed = self._count.processed(committed)
        analytics = self._analytics()
        self._count.ask(Asked(at_ms, ends, processed, analytics))
        self._count.settle(self._committed(WAREHOUSE_GROUP, analytics))

    def _analytics(self) -> Ends:
        there = self._client.list_topics(ANALYTICS_TOPIC, timeout=ASK_S).topics[ANALYTICS_TOPIC].partitions
        return self._ends([(ANALYTICS_TOPIC, number) for number in there])

    def _ends(self, places: Iterable[Place]) -> dict[Place, int]:
        asked = {TopicPartition(*place): OffsetSpec.latest() for place in places}
        found = self._client.list_offsets(asked, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=ASK_S)
        return {(at.topic, at.partition): int(future.result(ASK_S).offset) for at, future in found.items()}

    def _committed(self, group: str, places: Iterable[Place]) -> dict[Place, int]:
        asked = ConsumerGroupTopicPartitions(group, [TopicPartition(*place) for place in places])
        found = self._client.list_consumer_group_offsets([asked], request_timeout=ASK_S)[group].result(ASK_S)
        return {(at.topic, at.partition): at.offset for at in found.topic_partitions or [] if at.offset >= 0}

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
