"""Are the figures right: what the traffic says it published against what SQL shows.

Three counts of the generator's own streams, since the traffic began:
- produced: events acknowledged to the traffic, from its ledgers (at least that many, where one of them was killed);
- visible: events in `stream_windows`, dead letters included;
- appended: how far the log's ends moved. Offsets are no counts (transaction markers take some), but nothing can be
  visible that does not stand in the log, so more visible than appended means that something was counted twice.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec

from generators.ledger import STREAMS
from runtime import kafka
from runtime.settings import Settings
from warehouse.client import QueryError, Warehouse, WarehouseUnavailable

# Streams are the generator's own names: a closed list of plain words.
_NAMES = ", ".join(f"'{name}'" for name in STREAMS)
_VISIBLE = f"""
SELECT coalesce(sum(events), 0) AS events, coalesce(sum(dead_letters), 0) AS dead_letters,
       max(max_occurred_at) AS newest
FROM stream_windows WHERE window_start >= ?::TIMESTAMPTZ AND stream IN ({_NAMES})
"""  # noqa: S608


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
    """The counts at the end. `visible` is None where the warehouse did not answer, `appended` where it is unknown."""

    produced: int
    seconds: float
    complete: bool
    visible: int | None
    dead_letters: int
    appended: int | None

    @property
    def missing(self) -> int | None:
        """Events published that SQL does not show."""
        return None if self.visible is None else max(0, self.produced - self.visible)

    @property
    def doubled(self) -> int:
        """Events that SQL shows and the log does not have: counted twice."""
        return max(0, (self.visible or 0) - self.appended) if self.appended is not None else 0

    @property
    def others(self) -> int:
        """Events that are visible and in the log, but in no ledger of ours: somebody else's."""
        return max(0, (self.visible or 0) - self.produced - self.doubled)

    @property
    def right(self) -> bool:
        """Whether nothing is missing and nothing counted twice."""
        return self.missing == 0 and self.doubled == 0


class Tally:
    """Counts from the moment it is made; `count_log` False where the log's ends cannot be trusted."""

    def __init__(self, settings: Settings, ledgers: Path, *, count_log: bool) -> None:
        # A slow answer must not keep the caller from its children.
        self._settings = settings.model_copy(update={"sql_timeout_s": 2.0})
        self._warehouse = Warehouse(self._settings)
        self._ledgers = ledgers
        # Windows are 10 s; the traffic is never late, so none of its events lies before the window of now.
        self._since = datetime.fromtimestamp(time.time() // 10 * 10, UTC)
        self._before = 0
        before = self.look()
        self._before = before.events if before else 0
        self._log_before = self._log_ends() if count_log else None

    def look(self) -> Seen | None:
        """What SQL shows now, or None when nobody answers. Blocks for some seconds at most."""
        try:
            row = self._warehouse.query(_VISIBLE, [self._since]).to_pylist()[0]
        except (WarehouseUnavailable, QueryError):
            return None
        return Seen(int(row["events"]) - self._before, int(row["dead_letters"]), row["newest"])

    def _published(self) -> tuple[int, float, bool]:
        """Events published by all starts of the traffic, how long they ran, and whether that is exact."""
        total, seconds, complete = 0, 0.0, True
        for path in self._ledgers.glob("ledger-*.json"):
            ledger = json.loads(path.read_text())
            total += ledger["produced"]
            seconds += ledger["run"]["seconds"]
            complete &= ledger["run"]["complete"]
        return total, seconds, complete

    def settle(self, within_s: float, meanwhile: Callable[[], None]) -> Figures:
        """Wait until all that was published is visible and the figures stay, or the time is over; then count."""
        produced, seconds, complete = self._published()
        deadline, still_s = time.monotonic() + within_s, 2 * self._flush_s()
        seen, since = self.look(), time.monotonic()
        while time.monotonic() < deadline:
            meanwhile()
            if seen and seen.events >= produced and time.monotonic() - since > still_s:
                break
            time.sleep(0.1)
            now = self.look()
            if now != seen:
                seen, since = now, time.monotonic()
        after = self._log_ends() if self._log_before is not None else None
        appended = after - self._log_before if after is not None and self._log_before is not None else None
        return Figures(
            produced, seconds, complete, seen.events if seen else None, seen.dead_letters if seen else 0, appended
        )

    def _flush_s(self) -> float:
        return (self._settings.commit_interval_ms + self._settings.flush_interval_ms) / 1_000

    def _log_ends(self) -> int | None:
        client = kafka.admin(self._settings)
        try:
            topics = client.list_topics(timeout=5).topics
            ends = client.list_offsets(
                {
                    TopicPartition(name, number): OffsetSpec.latest()
                    for name in STREAMS
                    if name in topics
                    for number in topics[name].partitions
                },
                request_timeout=5,
            )
            return sum(int(future.result(timeout=5).offset) for future in ends.values())
        except KafkaException:
            return None
