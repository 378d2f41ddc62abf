"""The input topics read again: just the events that the running file reflects, no more and no fewer."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import TopicPartition

from streamgauge.dead_letters.retry.records import reader
from streamgauge.deltas.provenance import Provenance, Ranges
from streamgauge.runtime import log_reader
from streamgauge.runtime.settings import Settings

CHUNK = 1_000
Place = tuple[str, int]
# Told now and then: events so far, offsets done, and the seconds it has taken.
Tell = Callable[[int, int, float], None]


@dataclass
class Log:
    """What the log still has of the ranges.

    `low` is where a partition begins now; `shortened` are the places where the log begins after what the file reflects
    does; `first_ms` is the Kafka timestamp of the first event that was read there, from which on it has all.
    """

    ranges: Ranges
    low: dict[Place, int] = field(default_factory=dict)
    shortened: dict[Place, int] = field(default_factory=dict)
    unreflected: dict[Place, int] = field(default_factory=dict)
    first_ms: dict[Place, int] = field(default_factory=dict)

    @property
    def offsets(self) -> int:
        """How many offsets there are to read; transaction markers count too."""
        return sum(max(0, held[-1][1] - self.start(place)) for place, held in self.ranges.items())

    def start(self, place: Place) -> int:
        """The first offset to read."""
        return max(self.ranges[place][0][0], self.low.get(place, 0))

    def wanted(self, place: Place, offset: int) -> bool:
        """True for an offset that the file reflects."""
        return any(first <= offset < following for first, following in self.ranges.get(place, ()))


def look(settings: Settings, reflected: Provenance, topics: Collection[str]) -> Log:
    """What there is to read of `topics`. What an older version merged is not recorded: all that the log has counts."""
    ranges = {place: list(held) for place, held in reflected.ranges.items() if held and place[0] in topics}
    if reflected.unrecorded:
        ranges = {place: [(0, held[0][1]), *held[1:]] for place, held in ranges.items()}
    log = Log(ranges)
    with reader(settings) as consumer:
        there = consumer.list_topics(timeout=15).topics
        for place, held in ranges.items():
            topic, number = place
            if topic not in there or number not in there[topic].partitions:
                log.low[place], log.shortened[place] = held[-1][1], held[-1][1]
                continue
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=15)
            log.low[place] = low = min(low, held[-1][1])
            # A range that begins at 0 begins where the log did then. If that was later, there is nothing missing, and
            # the comparison says so.
            if low > held[0][0]:
                log.shortened[place] = low
            elif high and held[0][0] > low:
                log.unreflected[place] = held[0][0] - low
    return log


def read(settings: Settings, log: Log, tell: Tell, every_s: float = 2.0) -> Iterator[list[Any]]:
    """Messages, chunk by chunk, of all partitions until each was read to the end of its ranges."""
    began = due = time.monotonic()
    at = {place: log.start(place) for place in log.ranges}
    ranges = {place: (at[place], held[-1][1]) for place, held in sorted(log.ranges.items())}
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
                place, offset = log_reader.partition_of(message), message.offset() or 0
                if log.wanted(place, offset):
                    log.first_ms.setdefault(place, message.timestamp()[1])
                    found.append(message)
                at[place] = offset + 1
            at |= fetched.ends
            events += len(found)
            if found:
                yield found
            if time.monotonic() >= due:
                due = time.monotonic() + every_s
                tell(events, sum(at[place] - log.start(place) for place in at), time.monotonic() - began)
    tell(events, log.offsets, time.monotonic() - began)
