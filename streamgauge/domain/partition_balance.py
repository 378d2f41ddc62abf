"""Partition balance: how evenly events spread over partitions, and when a partition is hot (docs/partitioning.md).
Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# A partition is hot from this many times the mean on, in a topic with at least so many events a second: below that it
# may be chance.
HOT_RATIO, HOT_EVENTS_PER_SECOND = 1.5, 5.0
HOT_MEANING = (
    f"Hot: the busiest partition got at least {HOT_RATIO:g} times the mean, of {HOT_EVENTS_PER_SECOND:g} events a "
    "second or more."
)


def skew_ratio(events: Sequence[float]) -> float | None:
    """The busiest partition over the mean of all, given each one's events or rate; None when there are none.

    1 is even, the number of partitions is all in one. Not standard deviations above the mean: with n partitions none
    can be more than sqrt(n - 1) of them above it.
    """
    mean = sum(events) / len(events) if events else 0.0
    return max(events) / mean if mean > 0 else None


def is_hot(per_second: Sequence[float]) -> bool:
    """Whether the busiest of a topic's partitions is hot, given each one's events a second."""
    ratio = skew_ratio(per_second)
    return ratio is not None and _hot(ratio, sum(per_second))


def _hot(ratio: float, per_second: float) -> bool:
    return ratio >= HOT_RATIO and per_second >= HOT_EVENTS_PER_SECOND


def worth(partitions: int, ratio: float) -> float:
    """How many evenly filled partitions these are worth: the busiest one limits the whole."""
    return partitions / ratio if ratio else 0.0


@dataclass(frozen=True)
class StreamBalance:
    """Balance of a stream's partitions. `skew` is the busiest one over the mean, `share` its share of all events."""

    stream: str
    partitions: int
    busiest: int
    skew: float
    share: float
    events: int
    bytes: int

    def hot(self, seconds: float) -> bool:
        """Whether the busiest partition is hot, judged by the events of so many seconds."""
        return _hot(self.skew, self.events / seconds if seconds > 0 else 0.0)

    @property
    def worth(self) -> float:
        """How many evenly filled partitions these are worth."""
        return worth(self.partitions, self.skew)


def by_stream(rows: Iterable[Mapping[str, Any]]) -> list[StreamBalance]:
    """The balance of each stream with events, the most uneven first; `rows` have stream, partition, events and bytes.

    Partitions without events count as far as they are known: those below the highest number that had any.
    """
    streams: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        streams.setdefault(row["stream"], []).append(row)
    found = []
    for stream, parts in streams.items():
        events = sum(part["events"] for part in parts)
        if not events:
            continue
        top = max(parts, key=lambda part: part["events"])
        count = max(part["partition"] for part in parts) + 1
        share = top["events"] / events
        size = sum(part["bytes"] for part in parts)
        found.append(StreamBalance(stream, count, top["partition"], share * count, share, events, size))
    return sorted(found, key=lambda one: (-one.skew, one.stream))
