"""Offset tracker: an offset is committed once every request before it has its acknowledged reply."""

from __future__ import annotations

from generators.services.engine import Position
from streamgauge.runtime.kafka import Partition


class OffsetTracker:
    """Unfinished requests by partition, in the order of the log."""

    def __init__(self) -> None:
        self._next: dict[Partition, int] = {}
        self._open: dict[Partition, dict[int, None]] = {}

    def take(self, position: Position) -> bool:
        """Register a message. Returns False if it was read before, as after a rebalance."""
        partition = position.topic, position.partition
        if position.offset < self._next.get(partition, 0):
            return False
        self._next[partition] = position.offset + 1
        self._open.setdefault(partition, {})[position.offset] = None
        return True

    def finish(self, position: Position) -> None:
        """The request is finished."""
        del self._open[position.topic, position.partition][position.offset]

    def committable(self) -> dict[Partition, int]:
        """The offset by partition at which a restart must begin to read."""
        return {partition: next(iter(self._open.get(partition, ())), after) for partition, after in self._next.items()}
