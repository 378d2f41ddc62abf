"""Comparison of what was produced with what SQL shows, by stream: in flight, missing, or counted twice. Pure.

Two values that change all the time are never read at the same moment. So each claim compares two values read in the
safe order, and is a lower bound that becomes exact when both are read again:

- missing: what was *due* in the count of the log (`totals.py`) before SQL was queried, and SQL does not show;
- counted twice: what SQL showed, and the count of the log does not have although it was read to the end afterwards.

The rest of what SQL does not show yet is in flight: not processed yet, or processed and not merged.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from streamgauge.runtime.data_dir.totals import Counts, Log, Published

# Without a count of the log, what was published this long ago should be visible if nothing waits.
SETTLED_MS = 15_000
KEPT = 60


@dataclass(frozen=True)
class Snapshot:
    """What SQL showed, by stream: queried at `requested_ms`, received at `received_ms`."""

    requested_ms: int
    received_ms: int
    events: Counts
    dead_letters: Counts


@dataclass(frozen=True)
class StreamComparison:
    """One stream, or all of them. None is unknown; `by_producers` is what the generator and services report."""

    stream: str
    produced: int
    by_producers: int
    visible: int
    dead_letters: int
    missing: int | None
    duplicated: int | None

    @property
    def in_flight(self) -> int:
        """Produced, not visible yet, and not missing."""
        return max(0, self.produced - self.visible - (self.missing or 0))

    @property
    def exact(self) -> bool:
        """Whether nothing is missing or counted twice, and both are known."""
        return self.missing == 0 and self.duplicated == 0


@dataclass
class History:
    """The last readings, shared by all sessions."""

    logs: deque[Log] = field(default_factory=lambda: deque(maxlen=KEPT))
    snapshots: deque[Snapshot] = field(default_factory=lambda: deque(maxlen=KEPT))
    published: deque[tuple[int, Mapping[str, int]]] = field(default_factory=lambda: deque(maxlen=KEPT))

    def add(self, log: Log | None, published: Iterable[Published], snapshot: Snapshot) -> None:
        """Add a reading; one that is known already changes nothing."""
        if log is not None and (not self.logs or self.logs[-1].written_ms != log.written_ms):
            if self.logs and self.logs[-1].began_ms != log.began_ms:
                self.logs.clear()  # another `up`: another count
                self.snapshots.clear()
            self.logs.append(log)
        if not self.snapshots or self.snapshots[-1].requested_ms < snapshot.requested_ms:
            self.snapshots.append(snapshot)
        written = list(published)
        newest = max((one.written_ms for one in written), default=0)
        if newest and (not self.published or self.published[-1][0] != newest):
            self.published.append((newest, sum_by_stream(written)))


def sum_by_stream(published: Iterable[Published]) -> dict[str, int]:
    """Events published by all producers, by stream."""
    total: dict[str, int] = {}
    for one in published:
        for stream, count in one.streams.items():
            total[stream] = total.get(stream, 0) + count
    return total


def against_log(history: History) -> list[StreamComparison]:
    """Comparison with the count of the log; empty before the first reading."""
    if not history.logs or not history.snapshots:
        return []
    log, snapshot = history.logs[-1], history.snapshots[-1]
    before_sql = next((one for one in reversed(history.logs) if one.written_ms <= snapshot.requested_ms), None)
    before_log = next((one for one in reversed(history.snapshots) if one.received_ms <= log.counted_ms), None)
    reported = history.published[-1][1] if history.published else {}
    lines = []
    for stream, logged in log.logged.items():
        before = log.before.get(stream, 0)
        visible = max(0, snapshot.events.get(stream, 0) - before)
        missing = None if before_sql is None else max(0, before_sql.due.get(stream, 0) - visible)
        duplicated = None
        # Events in flight when the count began are visible by now, and were never counted.
        if log.clean and before_log is not None:
            duplicated = max(0, before_log.events.get(stream, 0) - before - logged)
        dead = snapshot.dead_letters.get(stream, 0)
        if logged or visible:
            lines.append(StreamComparison(stream, logged, reported.get(stream, 0), visible, dead, missing, duplicated))
    return lines


def against_producers(
    history: History, waiting: Mapping[str, int | None], positions: tuple[int, int] | None
) -> list[StreamComparison]:
    """Comparison with what the producers report, who may not be the only ones, where the log is not counted.

    `waiting` is what waits for analytics by stream (None: unknown); `positions` is the number of rows of the raw tables
    and of their distinct positions in the log.
    """
    if not history.published or not history.snapshots:
        return []
    snapshot = history.snapshots[-1]
    settled = next(
        (counts for at, counts in reversed(history.published) if at <= snapshot.requested_ms - SETTLED_MS), {}
    )
    duplicated = None if positions is None else positions[0] - positions[1]
    lines = []
    for stream, produced in history.published[-1][1].items():
        visible = snapshot.events.get(stream, 0)
        late = max(0, settled.get(stream, 0) - visible)
        missing = late if not late or waiting.get(stream) == 0 else None
        dead = snapshot.dead_letters.get(stream, 0)
        if produced:
            lines.append(StreamComparison(stream, produced, produced, visible, dead, missing, duplicated))
    return lines


def total(lines: Iterable[StreamComparison]) -> StreamComparison:
    """Sum over all streams; unknown if it is unknown for one."""
    kept = list(lines)

    def known(values: list[int | None]) -> int | None:
        return None if not values or None in values else sum(value for value in values if value is not None)

    return StreamComparison(
        "all",
        sum(one.produced for one in kept),
        sum(one.by_producers for one in kept),
        sum(one.visible for one in kept),
        sum(one.dead_letters for one in kept),
        known([one.missing for one in kept]),
        known([one.duplicated for one in kept]),
    )
