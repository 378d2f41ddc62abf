"""Transaction buffer: holds deltas back until all messages of their Kafka transaction have arrived.

A read-committed consumer gets a transaction's messages one by one, and a fetch may end between two of them. Merging
half of a transaction would make the tables disagree for a moment: a window that counts an order without its row.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa
from confluent_kafka import TIMESTAMP_NOT_AVAILABLE

from streamgauge.catalog.loader import TOPIC_ID
from streamgauge.catalog.model import SINCE
from streamgauge.deltas import wire
from streamgauge.deltas.provenance import InputOffsets

log = logging.getLogger("streamgauge")
_TIME = pa.timestamp("ms", tz="UTC")


@dataclass
class Ready:
    """Whole transactions: deltas by model, and the next offset to read of each partition after them.

    `written_ms`: when each delta was written to Kafka (ms since the Unix epoch, 0 when unknown).
    `read`: the input of each transaction (None when it did not record it).
    """

    deltas: dict[str, list[pa.Table]] = field(default_factory=lambda: defaultdict(list))
    written_ms: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    offsets: dict[int, int] = field(default_factory=dict)
    read: list[InputOffsets | None] = field(default_factory=list)
    bytes: int = 0

    @property
    def rows(self) -> int:
        """Rows of the model that has the most."""
        return max((sum(part.num_rows for part in parts) for parts in self.deltas.values()), default=0)


@dataclass
class _Held:
    """What one partition holds back, and the producers with an open transaction: two replicas may share a partition."""

    deltas: list[tuple[str, pa.Table, int]] = field(default_factory=list)
    open: set[bytes] = field(default_factory=set)
    read: list[InputOffsets | None] = field(default_factory=list)
    bytes: int = 0


def _no_since(_topic_id: str, _written_ms: int) -> datetime | None:
    """Nobody keeps topics apart."""


def dated(rows: pa.Table, topic_id: str, since: Callable[[str], datetime | None]) -> pa.Table:
    """The rows with the column SINCE, by their topic's id or each row's own; unchanged where none is known."""
    if topic_id:
        return _with(rows, pa.repeat(pa.scalar(since(topic_id), _TIME), rows.num_rows))
    if TOPIC_ID in rows.column_names:
        own = rows[TOPIC_ID].to_pylist()
        return _with(rows, pa.array([since(one) if one else None for one in own], _TIME))
    return rows


class TransactionBuffer:
    """Collects messages of `analytics`; `ready` is what may be merged now. `knows` says whether a model exists.

    `since` gives the value of the column SINCE from a topic's id and the time at which the delta was written to Kafka.
    """

    def __init__(self, knows: Callable[[str], bool], since: Callable[[str, int], datetime | None] = _no_since) -> None:
        self._knows = knows
        self._since = since
        self._held: dict[int, _Held] = defaultdict(_Held)
        self.ready = Ready()

    def add(self, message: Any) -> None:
        """Add one message of any partition, in the order of its offsets."""
        header = wire.parse(message)
        held = self._held[message.partition()]
        held.bytes += len(message.value() or b"")
        held.deltas.extend(self._delta(message, header.model or "", header.topic_id))
        (held.open.discard if header.is_last else held.open.add)(header.producer)
        if header.is_last and header.model is not None:
            held.read.append(header.inputs)
            for topic_id in header.inputs.topic_ids.values() if header.inputs else ():
                self._since(topic_id, _written_ms(message))
        if held.open:
            return
        for model, rows, written_ms in held.deltas:
            self.ready.deltas[model].append(rows)
            self.ready.written_ms[model].append(written_ms)
        self.ready.offsets[message.partition()] = message.offset() + 1
        self.ready.read.extend(held.read)
        self.ready.bytes += held.bytes
        del self._held[message.partition()]

    def take(self) -> Ready:
        """Remove and return what is ready; incomplete transactions stay."""
        ready, self.ready = self.ready, Ready()
        return ready

    def clear(self) -> None:
        """Drop everything: it will be read again from the stored offsets."""
        self._held.clear()
        self.ready = Ready()

    def _delta(self, message: Any, model: str, topic_id: str) -> list[tuple[str, pa.Table, int]]:
        if model == wire.NOTHING:
            return []
        where = f"{message.topic()}[{message.partition()}] offset {message.offset()}"
        if not self._knows(model):
            log.warning("%s is skipped: the catalog has no model `%s`", where, model)
            return []
        try:
            written_ms = _written_ms(message)
            rows = dated(wire.decode(message.value()), topic_id, lambda one: self._since(one, written_ms))
            return [(model, rows, written_ms)]
        except wire.InvalidDelta as error:
            log.error("%s is not a delta: %s", where, error)
            return []


def _written_ms(message: Any) -> int:
    kind, written_ms = message.timestamp()
    return 0 if kind == TIMESTAMP_NOT_AVAILABLE else int(written_ms)


def _with(rows: pa.Table, since: pa.Array) -> pa.Table:
    return rows.append_column(pa.field(SINCE, _TIME), since)
