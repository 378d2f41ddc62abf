"""Tombstones: messages without a value on a compacted stream. Each says that a key is gone, and is no failure.

They become rows of the relation `tombstones`, whose table takes the row of the key out of the latest tables
(warehouse/merge.py), and count as events of their stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from streamgauge.catalog import loader


@dataclass(frozen=True)
class Tombstones:
    """The tombstones of a chunk. `counted_at` is where each counts, `origin` has the columns of `ORIGIN`."""

    stream: str
    keys: Sequence[str]
    counted_at: pa.Array
    latency: pa.Array
    origin: Sequence[pa.Array]

    def rows(self, topic_id: str | None) -> pa.RecordBatch:
        """As rows of `tombstones`, read from the topic of that id."""
        named, topic = (pa.repeat(pa.scalar(text, pa.string()), len(self.keys)) for text in (self.stream, topic_id))
        return pa.RecordBatch.from_arrays(
            [named, pa.array(self.keys, pa.string()), *self.origin, topic], schema=loader.TOMBSTONES
        )

    @property
    def messages(self) -> pa.RecordBatch:
        """As rows of `*`."""
        count = len(self.keys)
        named, no = pa.repeat(self.stream, count), pa.repeat(False, count)
        empty, yes = pa.repeat(pa.scalar(0, pa.int64()), count), pa.repeat(True, count)
        columns = [named, empty, self.counted_at, no, no, self.latency, *self.origin, no, no, yes]
        return pa.RecordBatch.from_arrays(columns, schema=loader.EVERY_MESSAGE)


def key_of(key: bytes | str | None) -> str | None:
    """A message's key as text; None where there is none, or none that is text: it names no row."""
    try:
        return key.decode() if isinstance(key, bytes) else key
    except UnicodeDecodeError:
        return None
