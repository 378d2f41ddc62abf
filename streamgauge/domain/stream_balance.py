"""How evenly streams spread over their partitions (docs/partitioning.md). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

# As the lag sampler judges: at least 1.5 times the mean, in a stream with 5 events a second or more.
HOT_RATIO, HOT_EVENTS_PER_SECOND = 1.5, 5.0


@dataclass(frozen=True)
class Balance:
    """A stream's partitions. `skew` is the busiest one over the mean: 1 is even, `partitions` is all in one."""

    stream: str
    partitions: int
    busiest: int
    skew: float
    share: float
    events: int
    bytes: int

    def hot(self, seconds: float) -> bool:
        """Whether the busiest partition stands out in what flowed in so many seconds."""
        return self.skew >= HOT_RATIO and self.events >= HOT_EVENTS_PER_SECOND * seconds

    @property
    def worth(self) -> float:
        """How many evenly filled partitions these do the work of."""
        return self.partitions / self.skew


def of(rows: Iterable[Mapping[str, Any]]) -> list[Balance]:
    """The balance of each stream that had events, the most uneven first.

    Partitions without events are counted as far as their numbers are known: below the highest that had any.
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
        found.append(Balance(stream, count, top["partition"], share * count, share, events, size))
    return sorted(found, key=lambda one: (-one.skew, one.stream))
