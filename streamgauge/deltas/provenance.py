"""Provenance: which input events the tables reflect, as ranges of offsets per partition of each input topic.

Analytics sends with each transaction the offsets it was computed from (wire.py), and the warehouse stores them in the
DuckDB transaction that merges its deltas. A copy of the file therefore knows to the event what it is made of:
`streamgauge rebuild` reads exactly that again. A partition usually has one range; a gap is a transaction of another
replica that is not merged yet, or deltas lost to the retention of `analytics`.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import duckdb
import msgspec

from streamgauge.runtime.kafka import Partition

log = logging.getLogger("streamgauge")
# (topic, partition) → ranges [first, next), ascending, that neither touch nor overlap.
Ranges = dict[Partition, list[tuple[int, int]]]


class InputOffsets(msgspec.Struct, frozen=True):
    """Input of one transaction of analytics: `[first, next)` by topic and partition, and the digest of its models."""

    models: str
    offsets: dict[str, dict[int, tuple[int, int]]]

    @classmethod
    def between(cls, models: str, first: Mapping[Partition, int], after: Mapping[Partition, int]) -> InputOffsets:
        """For each partition in `after` (its next offset), from `first` (0 when absent: the beginning) to there."""
        offsets: dict[str, dict[int, tuple[int, int]]] = defaultdict(dict)
        for (topic, partition), following in after.items():
            offsets[topic][partition] = (min(first.get((topic, partition), 0), following), following)
        return cls(models, offsets)


class _Stored(msgspec.Struct):
    models: str
    unrecorded: bool
    ranges: dict[str, dict[int, list[tuple[int, int]]]]


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

    `unrecorded`: some deltas came from a version that did not record its input.
    """

    ranges: Ranges = field(default_factory=dict)
    models: str = ""
    unrecorded: bool = False

    @classmethod
    def load(cls, db: duckdb.DuckDBPyConnection, schema: str = "internal") -> Provenance:
        """Read it from a file."""
        rows = db.execute(f"SELECT stated FROM {schema}.inputs").fetchall()
        stored = msgspec.json.decode(rows[0][0], type=_Stored) if rows else _Stored("", False, {})
        ranges = {(topic, number): held for topic, entry in stored.ranges.items() for number, held in entry.items()}
        return cls(ranges, stored.models, stored.unrecorded)

    def after(self, read: Iterable[InputOffsets | None]) -> Provenance:
        """The provenance after these transactions are merged too; None is one without recorded input."""
        ranges, models, unrecorded = dict(self.ranges), self.models, self.unrecorded
        added: Ranges = defaultdict(list)
        for transaction in read:
            if transaction is None:
                unrecorded = True
                continue
            models = transaction.models
            for topic, partitions in transaction.offsets.items():
                for partition, (first, following) in partitions.items():
                    added[topic, partition].append((first, following))
        for place, more in added.items():
            ranges[place], twice = joined([*ranges.get(place, ()), *more])
            if twice:
                log.error(
                    "%s[%d]: analytics read up to %d offsets that it had read before, so their events count twice: "
                    "were the group's offsets moved or lost? `streamgauge rebuild` mends it",
                    *place,
                    twice,
                )
        return Provenance(ranges, models, unrecorded)

    def store(self, db: duckdb.DuckDBPyConnection) -> None:
        """Write it inside the caller's transaction. One value, not a row a partition: a tenth of the time."""
        ranges: dict[str, dict[int, list[tuple[int, int]]]] = defaultdict(dict)
        for (topic, number), held in self.ranges.items():
            ranges[topic][number] = held
        stated = msgspec.json.encode(_Stored(self.models, self.unrecorded, ranges)).decode()
        db.execute("UPDATE internal.inputs SET stated = ?", [stated])


def begin(db: duckdb.DuckDBPyConnection) -> None:
    """Make room in a file that has none yet; one with deltas was written before any of this was recorded."""
    db.execute("CREATE TABLE IF NOT EXISTS internal.inputs (stated VARCHAR NOT NULL)")
    if not db.execute("SELECT 1 FROM internal.inputs").fetchall():
        merged = bool(db.execute("SELECT 1 FROM internal.offsets LIMIT 1").fetchall())
        db.execute("INSERT INTO internal.inputs VALUES (?)", [msgspec.json.encode(_Stored("", merged, {})).decode()])
