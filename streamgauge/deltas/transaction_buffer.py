"""Deltas between Kafka and a merge: held back until the Kafka transaction that they are part of is whole.

A reader of committed messages gets a transaction's messages one by one, and a fetch may end between two of them. Merged
so, the tables would disagree for a moment: a window that counts an order whose row is not there yet.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from confluent_kafka import TIMESTAMP_NOT_AVAILABLE

from streamgauge.deltas import provenance
from streamgauge.deltas.provenance import InputOffsets

log = logging.getLogger("streamgauge")
MODEL, PRODUCER, MORE = "model", "producer", "more"


def headers(model: str, producer: str, *, more: bool, read: bytes = b"") -> list[tuple[str, bytes]]:
    """Headers of a delta: its model, who produced it, and whether more of the same transaction follow.

    The last one says what the transaction `read` (`provenance.encode`).
    """
    named = [(MODEL, model.encode()), (PRODUCER, producer.encode())]
    if more:
        return [*named, (MORE, b"1")]
    return [*named, (provenance.HEADER, read)] if read else named


@dataclass
class Ready:
    """Whole transactions: deltas by model, and the next offset to read of each partition after them.

    `written_ms` has, for each delta, when it was written to Kafka (ms since the Unix epoch; 0 is not known);
    `read` has, for each transaction, which input events it is made of (None: it does not say).
    """

    deltas: dict[str, list[pa.Table]] = field(default_factory=lambda: defaultdict(list))
    written_ms: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    offsets: dict[int, int] = field(default_factory=dict)
    read: list[InputOffsets | None] = field(default_factory=list)
    bytes: int = 0

    @property
    def rows(self) -> int:
        """Rows of the model that has most."""
        return max((sum(part.num_rows for part in parts) for parts in self.deltas.values()), default=0)


@dataclass
class _Held:
    """What waits in one partition, and for whose transactions. Two replicas may share a partition."""

    deltas: list[tuple[str, pa.Table, int]] = field(default_factory=list)
    open: set[bytes] = field(default_factory=set)
    read: list[InputOffsets | None] = field(default_factory=list)
    bytes: int = 0


class TransactionBuffer:
    """Collects messages of `analytics`; `ready` is what may be merged now."""

    def __init__(self, knows: Callable[[str], bool]) -> None:
        self._knows = knows
        self._held: dict[int, _Held] = defaultdict(_Held)
        self.ready = Ready()

    def add(self, message: Any) -> None:
        """Take one message, of any partition, in the order of its offsets."""
        marks = dict(message.headers() or [])
        held = self._held[message.partition()]
        held.bytes += len(message.value() or b"")
        held.deltas.extend(self._delta(message, marks.get(MODEL, b"").decode()))
        producer = marks.get(PRODUCER, b"")
        (held.open.add if MORE in marks else held.open.discard)(producer)
        if MORE not in marks and MODEL in marks:
            held.read.append(provenance.decode(marks.get(provenance.HEADER, b"")))
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
        """What is ready, once; what waits for the rest of its transaction stays."""
        ready, self.ready = self.ready, Ready()
        return ready

    def clear(self) -> None:
        """Forget everything: it will be read again from the stored offsets."""
        self._held.clear()
        self.ready = Ready()

    def _delta(self, message: Any, model: str) -> list[tuple[str, pa.Table, int]]:
        where = f"{message.topic()}[{message.partition()}] offset {message.offset()}"
        if not self._knows(model):
            log.warning("%s is skipped: the catalog has no model `%s`", where, model)
            return []
        try:
            kind, written_ms = message.timestamp()
            rows = pa.ipc.open_stream(message.value() or b"").read_all()
            return [(model, rows, 0 if kind == TIMESTAMP_NOT_AVAILABLE else written_ms)]
        except pa.ArrowInvalid as error:
            log.error("%s is no delta: %s", where, error)
            return []
