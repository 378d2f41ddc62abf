"""When a replica stops rather than dead-letter a whole topic. Pure.

Of each stream it counts the bad among the most recent events, chunk by chunk. The counts travel with the committed
offsets, as their metadata: a replica that is started again, or takes the partition over, goes on counting where the
last one stood, and so stops before it has dead-lettered anything more.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable, Sequence

from processors.analytics.decoder import DeadLetter
from streamgauge.runtime.errors import FatalError

_NOTE = re.compile(r"bad=(\d{1,12}) of=(\d{1,12}) at=(\d{1,15})")


class StopRule:
    """Stops at a share of `ratio` bad ones among at least `events` recent events; never where `events` is 0."""

    def __init__(self, ratio: float, events: int) -> None:
        self._ratio = ratio
        self._events = events
        self._recent: dict[str, deque[tuple[int, int]]] = {}

    def seed(self, notes: Iterable[tuple[str, str | None]]) -> None:
        """Go on from the notes of committed offsets, (topic, metadata); each topic's newest counts."""
        newest: dict[str, tuple[int, int, int]] = {}
        for topic, note in notes:
            if found := _NOTE.fullmatch(note or ""):
                bad, events, at = map(int, found.groups())
                newest[topic] = max(newest.get(topic, (0, 0, 0)), (at, events, bad))
        self._recent = {topic: deque([(events, bad)]) for topic, (_, events, bad) in newest.items()}

    def note(self, topic: str, now_ms: int) -> str:
        """What to commit with an offset of the topic."""
        recent = self._recent.get(topic, ())
        return f"bad={sum(bad for _, bad in recent)} of={sum(events for events, _ in recent)} at={now_ms}"

    def see(self, topic: str, events: int, dead: Sequence[DeadLetter]) -> None:
        """Count a chunk. Raises `FatalError` when the topic has nothing but bad events to give."""
        if not events:
            return
        recent = self._recent.setdefault(topic, deque())
        recent.append((events, len(dead)))
        total = sum(count for count, _ in recent)
        while total - recent[0][0] >= max(self._events, 1):
            total -= recent.popleft()[0]
        bad = sum(count for _, count in recent)
        # The newest chunk too: once the cause is mended, good events must get through.
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
