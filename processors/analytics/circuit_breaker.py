"""Circuit breaker: stops a replica when nearly all recent events of a stream are bad. Pure.

It counts the bad among the most recent events of each stream, chunk by chunk. The counts are committed as the metadata
of the offsets: a replica that restarts, or takes the partition over, continues from them, and so stops before it
dead-letters anything more.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable, Sequence

from processors.analytics.decoder import DeadLetter
from streamgauge.runtime.errors import FatalError

_METADATA = re.compile(r"\bbad=(\d{1,12}) of=(\d{1,12}) at=(\d{1,15})")


class CircuitBreaker:
    """Trips at a share of `ratio` bad ones among at least `events` recent events; never when `events` is 0."""

    def __init__(self, ratio: float, events: int) -> None:
        self._ratio = ratio
        self._events = events
        self._recent: dict[str, deque[tuple[int, int]]] = {}

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

    def record(self, topic: str, events: int, dead: Sequence[DeadLetter]) -> None:
        """Count a chunk. Raises `FatalError` when the topic yields almost nothing but bad events."""
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
            raise FatalError(_why(topic, bad, total, dead))


def _why(topic: str, bad: int, total: int, dead: Sequence[DeadLetter]) -> str:
    (reason, field), _ = Counter((letter.reason, letter.field) for letter in dead).most_common(1)[0]
    where = f" at `{field}`" if field else ""
    return (
        f"{bad:,} of the last {total:,} events of stream `{topic}` are bad, most of them `{reason}`{where}; stopped, "
        "and nothing of this batch is committed. Correct the producer or the catalog, or dead-letter them all the "
        "same: raise STREAMGAUGE_DEAD_LETTER_STOP_RATIO, or STREAMGAUGE_DEAD_LETTER_STOP_EVENTS=0"
    )
