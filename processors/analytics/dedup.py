"""Leaves repeated events out of a batch: the rows of a stream, its messages, and the memory of each partition held.

Streams without a horizon cost nothing here. Of the others, every valid event is compared by `event_id`; a dead letter
is never a repeat, nor is the event that comes of sending it again (docs/duplicates.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from processors.analytics.dedup_window import Hashes, Memory
from streamgauge.catalog.deduplication import EVENT_ID
from streamgauge.catalog.loader import EVERY_MESSAGE
from streamgauge.runtime import metrics

Place = tuple[str, int]
_REPEATED = EVERY_MESSAGE.get_field_index("repeated")


class Repeats:
    """The memories of one replica, by (stream, partition), for streams with a horizon in seconds."""

    def __init__(self, within_s: Mapping[str, int]) -> None:
        self.within_s = within_s
        self.memories: dict[Place, Memory] = {}
        # DuckDB's hash of a string: 64 bits, a few nanoseconds each.
        self._db = duckdb.connect(":memory:", config={"threads": 1, "memory_limit": "1GB"})

    def sift(self, stream: str, events: pa.Table, messages: pa.Table, now_ms: int) -> tuple[pa.Table, pa.Table]:
        """The events without the repeats, and the messages with those marked; row by row they are the same ones."""
        repeated = self.remember(stream, events, now_ms)
        if not repeated.any():
            return events, messages
        marked = messages.set_column(_REPEATED, EVERY_MESSAGE.field(_REPEATED), pa.array(repeated))
        return events.filter(pa.array(~repeated)), marked

    def remember(self, stream: str, events: pa.Table, now_ms: int) -> NDArray[np.bool_]:
        """Remember events of a stream, the next of their partitions; which of them are repeats.

        A producer's timestamp from the future counts as now, or everything after it would seem long ago.
        """
        ids = self._hashes(events)
        partitions, offsets = events["kafka_partition"].to_numpy(), events["kafka_offset"].to_numpy()
        timestamps = np.minimum(events["kafka_timestamp"].cast(pa.int64()).to_numpy(), now_ms)
        repeated = np.zeros(len(ids), np.bool_)
        for partition in np.unique(partitions).tolist():
            own = np.flatnonzero(partitions == partition)
            memory = self.memories.get((stream, partition)) or self.forget((stream, partition))
            repeated[own] = memory.sift(ids[own], timestamps[own], offsets[own])
        return repeated

    def forget(self, place: Place) -> Memory:
        """Begin the memory of a partition anew."""
        self.memories[place] = memory = Memory(self.within_s[place[0]])
        return memory

    def _hashes(self, events: pa.Table) -> Hashes:
        self._db.register("events", events.select([EVENT_ID]))
        hashes: Hashes = self._db.execute("SELECT hash(event_id) AS id FROM events").to_arrow_table()["id"].to_numpy()
        self._db.unregister("events")
        return hashes

    def confirm(self, next_offsets: Mapping[Place, int]) -> None:
        """A batch is committed: what lies before these offsets is not read again."""
        for place, offset in next_offsets.items():
            if memory := self.memories.get(place):
                memory.confirm(offset)
        for stream in self.within_s:
            held = [memory for (topic, _), memory in self.memories.items() if topic == stream]
            metrics.gauge("streamgauge_remembered_ids").labels(stream).set(sum(memory.ids for memory in held))

    def rewind(self, committed: Iterable[tuple[str, int, int]]) -> None:
        """The replica now holds these partitions (stream, partition, offset) and reads on there; forget all else."""
        offsets = {(stream, partition): offset for stream, partition, offset in committed}
        self.memories = {
            place: memory
            for place, memory in self.memories.items()
            if place in offsets and memory.rewind(offsets[place])
        }
