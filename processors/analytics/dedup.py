"""Deduplication of a batch: drop repeated events from a stream's rows, mark them in its messages, keep the windows.

Streams without a horizon cost nothing here. In the others every valid event is compared by `event_id`. A dead letter is
never a repeat, nor is the event produced by retrying one (docs/duplicates.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from processors.analytics.dedup_window import DedupWindow, Hashes
from streamgauge.catalog.deduplication import EVENT_ID
from streamgauge.catalog.loader import EVERY_MESSAGE
from streamgauge.runtime import metrics
from streamgauge.runtime.kafka import Partition

_REPEATED = EVERY_MESSAGE.get_field_index("repeated")


def times(events: pa.Table) -> pa.ChunkedArray:
    """The times by which a horizon is measured, ms: Kafka's, which a restore finds again, or else the arrival."""
    return pc.coalesce(events["kafka_timestamp"], events["arrived_at"]).cast(pa.int64())


class Deduplicator:
    """The dedup windows of one replica, by (stream, partition), for streams with a horizon (`within_s`, seconds)."""

    def __init__(self, within_s: Mapping[str, int]) -> None:
        self.within_s = within_s
        self.windows: dict[Partition, DedupWindow] = {}
        # DuckDB's hash of a string: 64 bits, a few nanoseconds each.
        self._db = duckdb.connect(":memory:", config={"threads": 1, "memory_limit": "1GB"})

    def filter(self, stream: str, events: pa.Table, messages: pa.Table, now_ms: int) -> tuple[pa.Table, pa.Table]:
        """Events without the repeats, and all messages with the repeats marked. The two tables match row by row."""
        repeated = self.add(stream, events, now_ms)
        if not repeated.any():
            return events, messages
        marked = messages.set_column(_REPEATED, EVERY_MESSAGE.field(_REPEATED), pa.array(repeated))
        return events.filter(pa.array(~repeated)), marked

    def add(self, stream: str, events: pa.Table, now_ms: int) -> NDArray[np.bool_]:
        """Add a stream's events, the next of their partitions; returns which of them are repeats (one bool a row).

        A producer's timestamp in the future counts as now, or everything after it would look old.
        """
        ids = self._hashes(events)
        partitions, offsets = events["kafka_partition"].to_numpy(), events["kafka_offset"].to_numpy()
        timestamps = np.minimum(times(events).to_numpy(), now_ms)
        repeated = np.zeros(len(ids), np.bool_)
        for partition in np.unique(partitions).tolist():
            own = np.flatnonzero(partitions == partition)
            window = self.windows.get((stream, partition)) or self.reset((stream, partition))
            repeated[own] = window.add(ids[own], timestamps[own], offsets[own])
        return repeated

    def reset(self, tp: Partition) -> DedupWindow:
        """Start an empty window for a partition."""
        self.windows[tp] = window = DedupWindow(self.within_s[tp[0]])
        return window

    def forget(self, streams: Iterable[str]) -> None:
        """Drop the windows of topics that were made anew."""
        for tp in [tp for tp in self.windows if tp[0] in set(streams)]:
            del self.windows[tp]

    def _hashes(self, events: pa.Table) -> Hashes:
        self._db.register("events", events.select([EVENT_ID]))
        hashes: Hashes = self._db.execute("SELECT hash(event_id) AS id FROM events").to_arrow_table()["id"].to_numpy()
        self._db.unregister("events")
        return hashes

    def confirm(self, next_offsets: Mapping[Partition, int]) -> None:
        """A batch is committed: nothing before these offsets is read again."""
        for tp, offset in next_offsets.items():
            if window := self.windows.get(tp):
                window.confirm(offset)
        for stream in self.within_s:
            held = [window for (topic, _), window in self.windows.items() if topic == stream]
            metrics.gauge("streamgauge_remembered_ids").labels(stream).set(sum(window.ids for window in held))

    def rewind(self, committed: Iterable[tuple[str, int, int]]) -> None:
        """The replica now holds these (stream, partition, offset) and resumes there; drop all other windows."""
        offsets = {(stream, partition): offset for stream, partition, offset in committed}
        self.windows = {
            tp: window for tp, window in self.windows.items() if tp in offsets and window.rewind(offsets[tp])
        }
