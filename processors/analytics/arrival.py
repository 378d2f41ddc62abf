"""Arrival: when a message reached us. Retention, "late", "in the future" and "since" go by it.

CreateTime is what the producer says: days ago for a backfill, in another unit, or absent. Where a topic has
LogAppendTime the broker's time is the arrival; elsewhere it is the moment of reading. A rebuild reads again what
arrived earlier: what the running file does not know (cli/rebuild), it takes from Kafka's timestamp.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME

from streamgauge.runtime.errors import InvalidEvent
from streamgauge.runtime.kafka import Partition

# No timestamp, or none: -1 is Kafka's own word for it; the end of the year 9999 is the last that SQL takes.
ABSENT, LATEST = -1, 253_402_300_799_999
DAY_MS = 86_400_000
_KIND, _TIME = itemgetter(0), itemgetter(1)
# What a time in another unit is multiplied by, over what it is divided by, to be milliseconds.
_UNITS = {"seconds": (1_000, 1), "microseconds": (1, 1_000), "nanoseconds": (1, 1_000_000)}

Stamp = tuple[int, int]
# Arrivals (ms) that a rebuild knows from the running file, by partition and offset.
Known = Mapping[Partition, Mapping[int, int]]


def timestamps(stamps: Sequence[Stamp]) -> list[int]:
    """Kafka's timestamps (ms); `ABSENT` where there is none, or none that is a time."""
    times = list(map(_TIME, stamps))
    if times and (min(times) < 0 or max(times) > LATEST):
        return [time if 0 <= time <= LATEST else ABSENT for time in times]
    return times


def arrivals(stamps: Sequence[Stamp], now_ms: int, *, again: bool = False) -> list[int]:
    """When each message arrived, never after `now_ms`, the moment of reading.

    `again`: a rebuild reads them, for which CreateTime is the best estimate there is.
    """
    kinds = set(map(_KIND, stamps))
    if TIMESTAMP_LOG_APPEND_TIME not in kinds and not again:
        return [now_ms] * len(stamps)
    return [
        min(time, now_ms) if (again or kind == TIMESTAMP_LOG_APPEND_TIME) and time > 0 else now_ms
        for kind, time in stamps
    ]


@dataclass(frozen=True)
class Bounds:
    """How far before and after its arrival an event may have happened, and how long windows are kept (all ms)."""

    max_future_ms: int
    max_past_ms: int = 3_650 * DAY_MS
    windows_ms: int = 90 * DAY_MS

    def misdated(self, name: str, time: int, arrival: int) -> InvalidEvent | None:
        """What is wrong with the event time `name` of an event that arrived then; None where it is plausible."""
        ahead_ms = time - arrival
        if ahead_ms > self.max_future_ms:
            detail = f"`{name}` lies {ahead_ms / 1000:,.0f} s after the event arrived"
            return InvalidEvent("future_event", detail, f"$.{name}")
        if -ahead_ms <= self.max_past_ms:
            return None
        unit = self.unit(time, arrival)
        why = f"it looks like {unit}, and must be milliseconds" if unit else "see STREAMGAUGE_MAX_PAST_DAYS"
        detail = f"`{name}` lies {-ahead_ms / DAY_MS:,.0f} days before the event arrived: {why}"
        return InvalidEvent("past_event", detail, f"$.{name}", f"`{name}` in {unit or 'the past'}")

    def unit(self, time: int, arrival: int) -> str | None:
        """The other unit in which that number would be a plausible time."""
        for unit, (times, over) in _UNITS.items():
            if -self.max_past_ms <= time * times // over - arrival <= self.max_future_ms:
                return unit
        return None

    def kept(self, time: int | None, arrival: int) -> bool:
        """Whether there is a window for a time, as of the arrival."""
        return time is not None and -self.windows_ms <= time - arrival <= self.max_future_ms

    def counted_at(self, timestamp: int, arrival: int) -> int:
        """When a message without a usable time of its own counts: at Kafka's timestamp, or else at its arrival.

        Kafka's comes first because a rebuild finds it again.
        """
        return timestamp if self.kept(timestamp, arrival) else arrival
