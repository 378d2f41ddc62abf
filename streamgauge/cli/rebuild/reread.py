"""Read the input topics again: exactly the events that the running file contains."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from streamgauge.dead_letters.retry.records import reader
from streamgauge.deltas.provenance import Provenance, Ranges
from streamgauge.runtime import kafka, log_reader
from streamgauge.runtime.kafka import Partition, topic_ids
from streamgauge.runtime.settings import Settings

CHUNK = 1_000
# Called every few seconds with events so far, offsets done, and seconds since the start.
ReportProgress = Callable[[int, int, float], None]


@dataclass
class InputLog:
    """What the log still has of the ranges.

    `low` is a partition's first offset now; `truncated` has those partitions whose log begins after the file's range;
    `unreflected` counts events before the range; `first_ms` is the Kafka timestamp of the first event read. `gone` has
    the offsets of topics that were deleted and made anew, which are in the running file alone; `since` says since when
    what is read of such a topic is known, ms since the epoch.
    """

    ranges: Ranges
    low: dict[Partition, int] = field(default_factory=dict)
    truncated: dict[Partition, int] = field(default_factory=dict)
    unreflected: dict[Partition, int] = field(default_factory=dict)
    first_ms: dict[Partition, int] = field(default_factory=dict)
    gone: dict[str, int] = field(default_factory=dict)
    since: dict[str, int] = field(default_factory=dict)

    @property
    def offsets(self) -> int:
        """Number of offsets to read, transaction markers included."""
        return sum(max(0, spans[-1][1] - self.start(partition)) for partition, spans in self.ranges.items())

    def start(self, partition: Partition) -> int:
        """The first offset to read."""
        return max(self.ranges[partition][0][0], self.low.get(partition, 0))

    def wanted(self, partition: Partition, offset: int) -> bool:
        """Whether the file contains the offset."""
        return any(first <= offset < following for first, following in self.ranges.get(partition, ()))


def plan_read(settings: Settings, provenance: Provenance, topics: Collection[str]) -> InputLog:
    """What there is to read of `topics`. Where provenance is incomplete, everything in the log counts as merged."""
    ranges = {
        partition: list(spans) for partition, spans in provenance.ranges.items() if spans and partition[0] in topics
    }
    if provenance.unrecorded:
        ranges = {partition: [(0, spans[0][1]), *spans[1:]] for partition, spans in ranges.items()}
    log = InputLog(ranges)
    for earlier in provenance.earlier.values():
        _add_gone(log, provenance, {at: spans for at, spans in earlier.items() if at[0] in topics})
    with reader(settings) as consumer:
        there = consumer.list_topics(timeout=15).topics
        now = topic_ids.read(kafka.admin(settings), {topic for topic, _ in ranges})
        for topic in {topic for topic, _ in ranges if topic in now}:
            if now[topic].id and now[topic].id != provenance.topic_ids.get(topic, now[topic].id):
                # Made anew, and nothing of it is in the file yet.
                _add_gone(log, provenance, {at: ranges.pop(at) for at in list(ranges) if at[0] == topic})
        for partition, spans in ranges.items():
            topic, number = partition
            if topic not in there or number not in there[topic].partitions:
                log.low[partition], log.truncated[partition] = spans[-1][1], spans[-1][1]
                continue
            low, high = log_reader.span(consumer, partition)
            log.low[partition] = low = min(low, spans[-1][1])
            # A range that begins at 0 began where the log began then. If that was later, nothing is missing, and the
            # comparison shows it.
            if low > spans[0][0]:
                log.truncated[partition] = low
            elif high and spans[0][0] > low:
                log.unreflected[partition] = spans[0][0] - low
    return log


def _add_gone(log: InputLog, provenance: Provenance, ranges: Ranges) -> None:
    for (topic, _), spans in ranges.items():
        log.gone[topic] = log.gone.get(topic, 0) + sum(following - first for first, following in spans)
        known = provenance.since.get(provenance.topic_ids.get(topic, ""), 0)
        log.since[topic] = known if any(at[0] == topic for at in log.ranges) else known + 1


def read(settings: Settings, log: InputLog, report: ReportProgress, every_s: float = 2.0) -> Iterator[list[Any]]:
    """Yield the messages of all partitions, chunk by chunk, each to the end of its ranges."""
    began = due = time.monotonic()
    at = {partition: log.start(partition) for partition in log.ranges}
    ranges = {partition: (at[partition], spans[-1][1]) for partition, spans in sorted(log.ranges.items())}
    events = 0
    with reader(
        settings,
        "streamgauge-rebuild",
        {
            "auto.offset.reset": "error",
            "queued.max.messages.kbytes": 128 * 1024,
            "fetch.message.max.bytes": 8 * 1024 * 1024,
        },
    ) as consumer:
        for fetched in log_reader.in_ranges(consumer, ranges, most=CHUNK):
            fetched.raise_permanent()
            found = []
            for message in fetched.messages:
                partition, offset = log_reader.partition_of(message), message.offset() or 0
                if log.wanted(partition, offset):
                    if (written_ms := message.timestamp()[1]) > 0:
                        log.first_ms.setdefault(partition, written_ms)
                    found.append(message)
                at[partition] = offset + 1
            at |= fetched.ends
            events += len(found)
            if found:
                yield found
            if time.monotonic() >= due:
                due = time.monotonic() + every_s
                report(events, sum(at[partition] - log.start(partition) for partition in at), time.monotonic() - began)
    report(events, log.offsets, time.monotonic() - began)
