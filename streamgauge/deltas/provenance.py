"""Provenance: which input events the tables reflect, as ranges of offsets per partition of each input topic.

Analytics sends with each transaction the offsets it was computed from (wire.py), and the warehouse stores them in the
DuckDB transaction that merges its deltas. A copy of the file therefore knows to the event what it is made of:
`streamgauge rebuild` reads exactly that again. A partition usually has one range; a gap is a transaction of another
replica that is not merged yet, or deltas lost to the retention of `analytics`.

Offsets belong to a topic's id: one that is deleted and made anew has another, and offsets from 0. The file knows the
ids of a topic in the order in which they were first written to `analytics` (`since`), and keeps their ranges apart.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import duckdb
import msgspec

from streamgauge.runtime.kafka import Partition

log = logging.getLogger("streamgauge")
# (topic, partition) → ranges [first, next), ascending, that neither touch nor overlap.
Ranges = dict[Partition, list[tuple[int, int]]]


class Lost(msgspec.Struct, frozen=True):
    """Offsets `[first, following)` of a partition that retention deleted before they were read, found at `at_ms`."""

    topic: str
    topic_id: str
    partition: int
    first: int
    following: int
    at_ms: int

    @property
    def offsets(self) -> int:
        """How many; at most as many events."""
        return self.following - self.first

    def __str__(self) -> str:
        return (
            f"{self.topic}[{self.partition}]: offsets {self.first:,} to {self.following - 1:,} were deleted "
            f"before analytics read them; the figures lack up to {self.offsets:,} events"
        )


class InputOffsets(msgspec.Struct, frozen=True):
    """Input of one transaction of analytics: `[first, next)` by topic and partition, and the digest of its models.

    `topic_ids` has the id of each topic whose broker gives one. `lost` was deleted before it could be read.
    """

    models: str
    offsets: dict[str, dict[int, tuple[int, int]]]
    topic_ids: dict[str, str] = {}
    lost: list[Lost] = []

    @classmethod
    def between(
        cls,
        models: str,
        first: Mapping[Partition, int],
        after: Mapping[Partition, int],
        topic_ids: Mapping[str, str] | None = None,
        lost: Sequence[Lost] = (),
    ) -> InputOffsets:
        """For each partition in `after` (its next offset), from `first` (0 when absent: the beginning) to there."""
        offsets: dict[str, dict[int, tuple[int, int]]] = defaultdict(dict)
        for (topic, partition), following in after.items():
            offsets[topic][partition] = (min(first.get((topic, partition), 0), following), following)
        ids = {topic: topic_id for topic in offsets if (topic_id := (topic_ids or {}).get(topic))}
        return cls(models, offsets, ids, list(lost))


class _Stored(msgspec.Struct):
    models: str
    unrecorded: bool
    ranges: dict[str, dict[int, list[tuple[int, int]]]]
    topic_ids: dict[str, str] = {}
    since: dict[str, int] = {}
    earlier: dict[str, dict[str, dict[int, list[tuple[int, int]]]]] = {}
    lost: list[Lost] = []


def joined(ranges: Iterable[tuple[int, int]]) -> tuple[list[tuple[int, int]], int]:
    """The same offsets in the fewest ranges, and how many offsets were in more than one of them."""
    result: list[tuple[int, int]] = []
    twice = 0
    for first, following in sorted(ranges):
        if result and first <= result[-1][1]:
            twice += min(result[-1][1], following) - first
            result[-1] = (result[-1][0], max(result[-1][1], following))
        elif following > first:
            result.append((first, following))
    return result, twice


@dataclass
class Provenance:
    """What a DuckDB file reflects. `models` is the digest of the models that computed the newest delta.

    ranges:     of each topic as it is now (or was last): the one of `topic_ids`, where the broker gives ids.
    unrecorded: some deltas came from a version that did not record its input.
    topic_ids:  the newest id of each topic.
    since:      by topic id: when it was first written to `analytics`, ms since the epoch; it orders a topic's ids.
    earlier:    by topic id: the ranges of topics that were deleted and made anew since.
    lost:       what retention deleted before it was read; the view `lost_events` shows it.
    """

    ranges: Ranges = field(default_factory=dict)
    models: str = ""
    unrecorded: bool = False
    topic_ids: dict[str, str] = field(default_factory=dict)
    since: dict[str, int] = field(default_factory=dict)
    earlier: dict[str, Ranges] = field(default_factory=dict)
    lost: list[Lost] = field(default_factory=list)

    @classmethod
    def load(cls, db: duckdb.DuckDBPyConnection, schema: str = "internal") -> Provenance:
        """Read it from a file."""
        rows = db.execute(f"SELECT stated FROM {schema}.inputs").fetchall()
        stored = msgspec.json.decode(rows[0][0], type=_Stored) if rows else _Stored("", False, {})
        return cls(
            _flat(stored.ranges),
            stored.models,
            stored.unrecorded,
            stored.topic_ids,
            stored.since,
            {topic_id: _flat(ranges) for topic_id, ranges in stored.earlier.items()},
            stored.lost,
        )

    def since_of(self, topic_id: str, written_ms: int) -> datetime:
        """Since when a topic id is known; of one that is new, that is `written_ms`, when its delta was written."""
        if topic_id not in self.since:
            taken = set(self.since.values())
            while written_ms in taken:
                written_ms += 1
            self.since[topic_id] = written_ms
        return datetime.fromtimestamp(self.since[topic_id] / 1_000, UTC)

    def after(self, read: Iterable[InputOffsets | None]) -> Provenance:
        """The provenance after these transactions are merged too; None is one without recorded input."""
        result = replace(self, ranges=dict(self.ranges), topic_ids=dict(self.topic_ids), earlier=dict(self.earlier))
        # Transactions of one incarnation together: joining ranges once a partition instead of once a transaction.
        added: dict[tuple[str, str], Ranges] = defaultdict(lambda: defaultdict(list))
        for transaction in read:
            if transaction is None:
                result.unrecorded = True
                continue
            result.models = transaction.models
            if transaction.lost:
                result.lost = [*result.lost, *transaction.lost]
            for topic, partitions in transaction.offsets.items():
                ranges = added[topic, transaction.topic_ids.get(topic, "")]
                for partition, span in partitions.items():
                    ranges[topic, partition].append(span)
        for (topic, topic_id), ranges in added.items():
            held = result._of(topic, topic_id)
            for place, more in ranges.items():
                held[place], twice = joined([*held.get(place, ()), *more])
                if twice:
                    log.error(
                        "%s[%d]: analytics read up to %d offsets that it had read before, so their events count twice: "
                        "were the group's offsets moved or lost? `streamgauge rebuild` mends it",
                        *place,
                        twice,
                    )
        return result

    def _of(self, topic: str, topic_id: str) -> Ranges:
        """The ranges of a topic's id, to add to: in `ranges` where it is the newest, else in `earlier`."""
        newest = self.topic_ids.get(topic)
        if newest is None or newest == topic_id or not topic_id:
            if topic_id:
                self.topic_ids[topic] = topic_id
            return self.ranges
        if self.since_of(topic_id, max(self.since.values(), default=0) + 1) < self.since_of(newest, 0):
            self.earlier[topic_id] = dict(self.earlier.get(topic_id, {}))
            return self.earlier[topic_id]
        self.earlier[newest] = {place: self.ranges.pop(place) for place in list(self.ranges) if place[0] == topic}
        self.topic_ids[topic] = topic_id
        log.warning(
            "%s was deleted and made anew: what is in it now is read from its beginning (topic id %s). Tables keep "
            "what the earlier one gave (topic id %s), and `rebuild` can no longer read that again",
            topic,
            topic_id,
            newest,
        )
        return self.ranges

    def store(self, db: duckdb.DuckDBPyConnection) -> None:
        """Write it inside the caller's transaction. One value, not a row a partition: a tenth of the time."""
        stored = _Stored(
            self.models,
            self.unrecorded,
            _nested(self.ranges),
            self.topic_ids,
            self.since,
            {topic_id: _nested(ranges) for topic_id, ranges in self.earlier.items()},
            self.lost,
        )
        db.execute("UPDATE internal.inputs SET stated = ?", [msgspec.json.encode(stored).decode()])


def begin(db: duckdb.DuckDBPyConnection) -> None:
    """Make room in a file that has none yet; one with deltas was written before any of this was recorded."""
    db.execute("CREATE TABLE IF NOT EXISTS internal.inputs (stated VARCHAR NOT NULL)")
    if not db.execute("SELECT 1 FROM internal.inputs").fetchall():
        merged = bool(db.execute("SELECT 1 FROM internal.offsets LIMIT 1").fetchall())
        db.execute("INSERT INTO internal.inputs VALUES (?)", [msgspec.json.encode(_Stored("", merged, {})).decode()])


def _nested(ranges: Ranges) -> dict[str, dict[int, list[tuple[int, int]]]]:
    by_topic: dict[str, dict[int, list[tuple[int, int]]]] = defaultdict(dict)
    for (topic, number), held in ranges.items():
        by_topic[topic][number] = held
    return by_topic


def _flat(by_topic: Mapping[str, Mapping[int, list[tuple[int, int]]]]) -> Ranges:
    return {(topic, number): held for topic, entry in by_topic.items() for number, held in entry.items()}
