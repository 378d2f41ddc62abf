"""Are the figures right: what stands in the log against what SQL shows.

Three counts of the catalog's own streams, since the traffic began:
- published: events acknowledged to the traffic, from its ledgers (at least that many, where one of them was killed);
- logged: events in the log, whoever wrote them, counted by reading it (log_count.py). None where that cannot be
  trusted or takes too long; then only what the traffic says is compared;
- visible: events in `stream_windows`, dead letters included.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
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
# Answers may be repeated, and credits be given, for what happened before we began: they count in their old windows.
_BACK_S = 8 * 86_400
COUNT_S = 60.0


@dataclass(frozen=True)
class Seen:
    """What SQL shows."""

    events: int
    dead_letters: int
    newest: datetime | None

    @property
    def age_s(self) -> float | None:
        """Seconds since the newest event happened, now."""
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
        """All events there are, as far as anybody knows."""
        return max(self.published, self.logged or 0)

    @property
    def missing(self) -> int | None:
        """Events that SQL does not show."""
        return None if self.visible is None else max(0, self.produced - self.visible)

    @property
    def doubled(self) -> int:
        """Events that SQL shows and the log does not have: counted twice."""
        return 0 if self.logged is None else max(0, (self.visible or 0) - self.logged)

    @property
    def others(self) -> int:
        """Events that are not from the traffic: the services' answers, or somebody else's."""
        return max(0, max(self.produced, (self.visible or 0) - self.doubled) - self.published)

    @property
    def right(self) -> bool:
        """Whether nothing is missing and nothing counted twice."""
        return self.missing == 0 and self.doubled == 0


class Tally:
    """Counts `streams` from the moment it is made; `count_log` False where the log cannot be trusted.

    `before_by_stream` and `log_before` are what was visible and where the log ended then; None where nobody said.
    """

    def __init__(self, settings: Settings, streams: Iterable[str], ledgers: Path, *, count_log: bool) -> None:
        # A slow answer must not keep the caller from its children.
        self._settings = settings.model_copy(update={"sql_timeout_s": 2.0})
        self._warehouse = Warehouse(self._settings)
        self._streams = list(streams)
        self._ledgers = ledgers
        self.since = datetime.fromtimestamp((time.time() - _BACK_S) // 10 * 10, UTC)
        self._before = Seen(0, 0, None)
        self._before = self.look() or self._before
        self.before_by_stream = self._by_stream()
        self.log_before = log_count.ends(settings, self._streams) if count_log else None

    def look(self) -> Seen | None:
        """What SQL shows now, or None when nobody answers. Blocks for some seconds at most."""
        try:
            row = self._warehouse.query(_VISIBLE, [self.since, self._streams]).to_pylist()[0]
        except (WarehouseUnavailable, QueryError):
            return None
        events, dead = int(row["events"]) - self._before.events, int(row["dead_letters"]) - self._before.dead_letters
        return Seen(events, dead, row["newest"])

    def _by_stream(self) -> dict[str, int] | None:
        try:
            rows = self._warehouse.query(_BY_STREAM, [self.since, self._streams]).to_pylist()
        except (WarehouseUnavailable, QueryError):
            return None
        return {row["stream"]: int(row["events"]) for row in rows}

    def _published(self) -> tuple[int, float, bool]:
        """Events published by all starts of the traffic, how long they ran, and whether that is exact."""
        total, seconds, complete = 0, 0.0, True
        for path in self._ledgers.glob("ledger-*.json"):
            ledger = json.loads(path.read_text())
            total += ledger["produced"] + ledger["duplicates"]
            seconds += ledger["run"]["seconds"]
            complete &= ledger["run"]["complete"]
        return total, seconds, complete

    def settle(self, within_s: float, meanwhile: Callable[[], None]) -> Figures:
        """Nobody writes any more: count the log, wait until all of it is visible and the figures stay, or the time is
        over; then count what is visible."""
        published, seconds, complete = self._published()
        logged = None
        if self.log_before is not None:
            logged = log_count.since(self._settings, self.log_before, COUNT_S)
        wanted = max(published, logged or 0)
        deadline, still_s = time.monotonic() + within_s, 2 * self._flush_s()
        seen, since = self.look(), time.monotonic()
        while time.monotonic() < deadline:
            meanwhile()
            if seen and seen.events >= wanted and time.monotonic() - since > still_s:
                break
            time.sleep(0.1)
            now = self.look()
            if now != seen:
                seen, since = now, time.monotonic()
        return Figures(
            published, seconds, complete, seen.events if seen else None, seen.dead_letters if seen else 0, logged
        )

    def _flush_s(self) -> float:
        return (self._settings.commit_interval_ms + self._settings.flush_interval_ms) / 1_000
