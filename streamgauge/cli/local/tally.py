"""Tally: whether the figures are right, by comparing the log with what SQL shows.

Three counts of the catalog's own streams, since the traffic began:
- published: events acknowledged to the traffic, from its ledgers (a lower bound where one of them was killed);
- logged: all events in the log, counted by reading it (log_count.py). None where the count is unreliable or takes too
  long; then only the traffic's own count is compared;
- visible: events in `stream_windows`, dead letters included.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from streamgauge.cli.local import log_count
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse.client import QueryError, Warehouse, WarehouseUnavailable

_VISIBLE = """
SELECT coalesce(sum(events), 0) AS events, coalesce(sum(dead_letters), 0) AS dead_letters,
       max(max_occurred_at) AS newest
FROM stream_windows WHERE window_start >= ?::TIMESTAMPTZ AND list_contains(?::VARCHAR[], stream)
"""
_BY_STREAM = """
SELECT stream, sum(events) AS events
FROM stream_windows WHERE window_start >= ?::TIMESTAMPTZ AND list_contains(?::VARCHAR[], stream) GROUP BY stream
"""
_OLDER = """
SELECT coalesce(sum(events), 0) AS events
FROM stream_windows WHERE window_start < ?::TIMESTAMPTZ AND list_contains(?::VARCHAR[], stream)
"""
# Repeated answers and credits for earlier events count in windows before the start.
_BACK_S = 8 * 86_400
COUNT_S = 60.0


@dataclass(frozen=True)
class Visible:
    """Counts as SQL shows them."""

    events: int
    dead_letters: int
    newest: datetime | None

    @property
    def age_s(self) -> float | None:
        """Seconds since the newest event."""
        return None if self.newest is None else max(0.0, time.time() - self.newest.timestamp())


@dataclass(frozen=True)
class Figures:
    """The counts at the end. `visible` is None where the warehouse did not answer, `logged` where it is unknown."""

    published: int
    seconds: float
    complete: bool
    visible: int | None
    dead_letters: int
    logged: int | None

    @property
    def produced(self) -> int:
        """All events, as far as is known."""
        return max(self.published, self.logged or 0)

    @property
    def missing(self) -> int | None:
        """Events that SQL does not show; None where that is unknown."""
        return None if self.visible is None else max(0, self.produced - self.visible)

    @property
    def doubled(self) -> int:
        """Events that SQL shows beyond those of the log: counted twice."""
        return 0 if self.logged is None else max(0, (self.visible or 0) - self.logged)

    @property
    def others(self) -> int:
        """Events that are not from the traffic: answers of the services, or of others."""
        return max(0, max(self.produced, (self.visible or 0) - self.doubled) - self.published)

    @property
    def right(self) -> bool:
        """Whether nothing is missing and nothing counted twice."""
        return self.missing == 0 and self.doubled == 0


class Tally:
    """Counts `streams` from the moment it is made; `count_log` False where the log cannot be trusted.

    `before_by_stream` and `log_before` are the visible events and the log's ends at the start; None where unknown.
    """

    def __init__(self, settings: Settings, streams: Iterable[str], ledgers: Path, *, count_log: bool) -> None:
        # A slow answer must not keep the caller from its child processes.
        self._settings = settings.model_copy(update={"sql_timeout_s": 2.0})
        self._warehouse = Warehouse(self._settings)
        self._streams = list(streams)
        self._ledgers = ledgers
        self.since = datetime.fromtimestamp((time.time() - _BACK_S) // 10 * 10, UTC)
        self._before = Visible(0, 0, None)
        self._before = self.read() or self._before
        self._older_before = self._older()
        self.before_by_stream = self._by_stream()
        self.log_before = log_count.ends(settings, self._streams) if count_log else None

    def read(self) -> Visible | None:
        """The present counts, or None where the warehouse does not answer. Blocks for some seconds at most."""
        try:
            row = self._warehouse.query(_VISIBLE, [self.since, self._streams]).to_pylist()[0]
        except (WarehouseUnavailable, QueryError):
            return None
        events, dead = int(row["events"]) - self._before.events, int(row["dead_letters"]) - self._before.dead_letters
        return Visible(events, dead, row["newest"])

    def _by_stream(self) -> dict[str, int] | None:
        try:
            rows = self._warehouse.query(_BY_STREAM, [self.since, self._streams]).to_pylist()
        except (WarehouseUnavailable, QueryError):
            return None
        return {row["stream"]: int(row["events"]) for row in rows}

    def _older(self) -> int | None:
        """Visible events from before `since`: their windows are many, and so are read twice only."""
        try:
            return int(self._warehouse.query(_OLDER, [self.since, self._streams]).to_pylist()[0]["events"])
        except (WarehouseUnavailable, QueryError):
            return None

    def _older_since(self) -> int:
        """Events of long ago that became visible since the tally was made; at least, for old windows expire."""
        now = self._older()
        return 0 if now is None or self._older_before is None else max(0, now - self._older_before)

    def _published(self) -> tuple[int, float, bool]:
        """Events published by all starts of the traffic, their seconds, and whether both are exact."""
        total, seconds, complete = 0, 0.0, True
        for path in self._ledgers.glob("ledger-*.json"):
            ledger = json.loads(path.read_text())
            total += ledger["produced"] + ledger["duplicates"]
            seconds += ledger["run"]["seconds"]
            complete &= ledger["run"]["complete"]
        return total, seconds, complete

    def settle(self, within_s: float, meanwhile: Callable[[], None]) -> Figures:
        """Final counts, after all writers have stopped. Blocks; calls `meanwhile` repeatedly.

        Counts the log, then waits until all of it is visible and stays unchanged, for at most `within_s`.
        """
        published, seconds, complete = self._published()
        logged = None
        if self.log_before is not None:
            logged = log_count.since(self._settings, self.log_before, COUNT_S)
        wanted = max(published, logged or 0)
        deadline, still_s = time.monotonic() + within_s, 2 * self._flush_s()
        visible, since = self.read(), time.monotonic()
        while time.monotonic() < deadline:
            meanwhile()
            if visible and visible.events >= wanted and time.monotonic() - since > still_s:
                break
            time.sleep(0.1)
            now = self.read()
            if now != visible:
                visible, since = now, time.monotonic()
        if visible and visible.events < wanted:
            visible = replace(visible, events=visible.events + self._older_since())
        return Figures(
            published,
            seconds,
            complete,
            visible.events if visible else None,
            visible.dead_letters if visible else 0,
            logged,
        )

    def _flush_s(self) -> float:
        return (self._settings.commit_interval_ms + self._settings.flush_interval_ms) / 1_000
