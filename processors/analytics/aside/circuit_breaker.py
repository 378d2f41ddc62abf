"""Circuit breaker: opens for a stream when nearly all of its recent events are bad; the others go on. Pure.

It counts the bad among the most recent events of each stream, chunk by chunk. The counts are committed as the metadata
of the offsets: a replica that restarts, or takes the partition over, continues from them, and so stops the stream
before it dead-letters anything more. What closes it again is in breaker_closing.py.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence

from processors.analytics.aside.streams import Obstacle, StreamsStopped
from processors.analytics.decoder import DeadLetter, Records

_METADATA = re.compile(r"\bbad=(\d{1,12}) of=(\d{1,12}) at=(\d{1,15})")


class CircuitBreaker:
    """Opens at a share of `ratio` bad ones among at least `events` recent events; never when `events` is 0."""

    def __init__(self, ratio: float, events: int) -> None:
        self._ratio = ratio
        self._events = events
        self._recent: dict[str, deque[tuple[int, int]]] = {}
        self._accepted: dict[str, dict[int, int]] = {}

    def restore(self, committed: Iterable[tuple[str, str | None]]) -> None:
        """Restore the counts from committed offsets, (topic, metadata); the newest of each topic wins."""
        newest: dict[str, tuple[int, int, int]] = {}
        for topic, metadata in committed:
            if found := _METADATA.search(metadata or ""):
                bad, events, at = map(int, found.groups())
                newest[topic] = max(newest.get(topic, (0, 0, 0)), (at, events, bad))
        self._recent = {topic: deque([(events, bad)]) for topic, (_, events, bad) in newest.items()}

    def metadata(self, topic: str, now_ms: int) -> str:
        """The counts as metadata to commit with an offset of the topic."""
        recent = self._recent.get(topic, ())
        return f"bad={sum(bad for _, bad in recent)} of={sum(events for events, _ in recent)} at={now_ms}"

    def accept(self, topic: str, until: Mapping[int, int]) -> None:
        """Close it: events before these offsets, by partition, do not count, however bad; later ones count anew."""
        self._recent.pop(topic, None)
        self._accepted[topic] = dict(until)

    def record(self, topic: str, records: Records, dead: Sequence[DeadLetter]) -> None:
        """Count a chunk. Raises `StreamsStopped` when the topic yields almost nothing but bad events."""
        events = len(records.offsets)
        if topic in self._accepted:
            events, dead = self._after_accepted(topic, records, dead)
        if not events:
            return
        recent = self._recent.setdefault(topic, deque())
        recent.append((events, len(dead)))
        total = sum(count for count, _ in recent)
        while total - recent[0][0] >= max(self._events, 1):
            total -= recent.popleft()[0]
        bad = sum(count for _, count in recent)
        # The newest chunk must be bad too: once the cause is fixed, good events must get through.
        if self._events and total >= self._events and min(bad / total, len(dead) / events) >= self._ratio:
            raise StreamsStopped([Obstacle(topic, "bad_events", _why(topic, bad, total, dead))])

    def _after_accepted(
        self, topic: str, records: Records, dead: Sequence[DeadLetter]
    ) -> tuple[int, Sequence[DeadLetter]]:
        """How many of the chunk's events count, and which of its dead letters."""
        accepted = self._accepted[topic]
        places = zip(records.partitions, records.offsets, strict=True)
        events = sum(offset >= accepted.get(partition, 0) for partition, offset in places)
        return events, [one for one in dead if one.record.offset >= accepted.get(one.record.partition, 0)]

    def committed(self, next_offsets: Mapping[tuple[str, int], int]) -> None:
        """Forget the accepted offsets that are committed by now. Not before: what is not may be read again."""
        for topic, accepted in [*self._accepted.items()]:
            left = {number: until for number, until in accepted.items() if next_offsets.get((topic, number), 0) < until}
            self._accepted[topic] = left
            if not left:
                del self._accepted[topic]


def _why(topic: str, bad: int, total: int, dead: Sequence[DeadLetter]) -> str:
    (reason, field), _ = Counter((letter.reason, letter.field) for letter in dead).most_common(1)[0]
    where = f" at `{field}`" if field else ""
    return (
        f"{bad:,} of the last {total:,} events are bad, most of them `{reason}`{where}. Nothing is committed "
        "until newer events are good again. Correct the producer or the catalog, or dead-letter what is there: "
        f"`streamgauge streams close {topic}`"
    )
