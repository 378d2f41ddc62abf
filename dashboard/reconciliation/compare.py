"""What was produced against what SQL shows, by stream: on its way, missing, or counted twice. Pure.

Two figures that change all the time are never read at the same moment. So each claim is made of two that are in the
safe order, and is a least that becomes exact as soon as both are read once more:

- missing: what was *due* in the log's count (`totals.py`) before SQL was asked, and SQL does not show;
- counted twice: what SQL showed, and the log's count does not have though it was read to the end afterwards.

The rest of what SQL does not show yet is on its way: not processed yet, or processed and not merged.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from streamgauge.runtime.data_dir.totals import Counts, Log, Published

# Without a count of the log, what was published so long ago should be visible wherever nothing waits.
SETTLED_MS = 15_000
KEPT = 60


@dataclass(frozen=True)
class Seen:
    """What SQL showed, by stream: asked for at `asked_ms`, known at `known_ms`."""

    asked_ms: int
    known_ms: int
    events: Counts
    dead_letters: Counts


@dataclass(frozen=True)
class Line:
    """One stream, or all of them. None is not known; `others` published what the producers do not say."""

    stream: str
    produced: int
    by_producers: int
    visible: int
    dead_letters: int
    missing: int | None
    doubled: int | None

    @property
    def on_the_way(self) -> int:
        """Produced, not visible yet, and not missing."""
        return max(0, self.produced - self.visible - (self.missing or 0))

    @property
    def right(self) -> bool:
        """Whether nothing is known to be wrong, and that is known."""
        return self.missing == 0 and self.doubled == 0


@dataclass
class Record:
    """The last looks, for all sessions."""

    logs: deque[Log] = field(default_factory=lambda: deque(maxlen=KEPT))
    seens: deque[Seen] = field(default_factory=lambda: deque(maxlen=KEPT))
    published: deque[tuple[int, Mapping[str, int]]] = field(default_factory=lambda: deque(maxlen=KEPT))

    def look(self, log: Log | None, published: Iterable[Published], seen: Seen) -> None:
        """Take a look; one that is known already changes nothing."""
        if log is not None and (not self.logs or self.logs[-1].written_ms != log.written_ms):
            if self.logs and self.logs[-1].began_ms != log.began_ms:
                self.logs.clear()  # another `up`: another count
                self.seens.clear()
            self.logs.append(log)
        if not self.seens or self.seens[-1].asked_ms < seen.asked_ms:
            self.seens.append(seen)
        written = list(published)
        newest = max((one.written_ms for one in written), default=0)
        if newest and (not self.published or self.published[-1][0] != newest):
            self.published.append((newest, added(written)))


def added(published: Iterable[Published]) -> dict[str, int]:
    """What all producers say, by stream."""
    total: dict[str, int] = {}
    for one in published:
        for stream, count in one.streams.items():
            total[stream] = total.get(stream, 0) + count
    return total


def counted(record: Record) -> list[Line]:
    """The lines where the log is counted; empty before the first look."""
    if not record.logs or not record.seens:
        return []
    log, seen = record.logs[-1], record.seens[-1]
    before_sql = next((one for one in reversed(record.logs) if one.written_ms <= seen.asked_ms), None)
    before_log = next((one for one in reversed(record.seens) if one.known_ms <= log.counted_ms), None)
    said = record.published[-1][1] if record.published else {}
    lines = []
    for stream, logged in log.logged.items():
        before = log.before.get(stream, 0)
        visible = max(0, seen.events.get(stream, 0) - before)
        missing = None if before_sql is None else max(0, before_sql.due.get(stream, 0) - visible)
        doubled = None
        # Where something was on its way when the count began, it is visible by now and was never counted.
        if log.clean and before_log is not None:
            doubled = max(0, before_log.events.get(stream, 0) - before - logged)
        dead = seen.dead_letters.get(stream, 0)
        if logged or visible:
            lines.append(Line(stream, logged, said.get(stream, 0), visible, dead, missing, doubled))
    return lines


def said(record: Record, waiting: Mapping[str, int | None], places: tuple[int, int] | None) -> list[Line]:
    """The lines where nobody counts the log: against what the producers say, who may not be all there are.

    `waiting` is what waits for analytics by stream (None: not known), `places` how many rows of the raw tables there
    are, of how many different places in the log.
    """
    if not record.published or not record.seens:
        return []
    seen = record.seens[-1]
    settled = next((counts for at, counts in reversed(record.published) if at <= seen.asked_ms - SETTLED_MS), {})
    doubled = None if places is None else places[0] - places[1]
    lines = []
    for stream, produced in record.published[-1][1].items():
        visible = seen.events.get(stream, 0)
        late = max(0, settled.get(stream, 0) - visible)
        missing = late if not late or waiting.get(stream) == 0 else None
        dead = seen.dead_letters.get(stream, 0)
        if produced:
            lines.append(Line(stream, produced, produced, visible, dead, missing, doubled))
    return lines


def total(lines: Iterable[Line]) -> Line:
    """All streams together; what is not known of one is not known of all."""
    kept = list(lines)

    def known(values: list[int | None]) -> int | None:
        return None if not values or None in values else sum(value for value in values if value is not None)

    return Line(
        "all",
        sum(one.produced for one in kept),
        sum(one.by_producers for one in kept),
        sum(one.visible for one in kept),
        sum(one.dead_letters for one in kept),
        known([one.missing for one in kept]),
        known([one.doubled for one in kept]),
    )
