"""How far requests are done: an offset is committed when everything before it is answered and acknowledged."""

from __future__ import annotations

from generators.services.engine import Place

Partition = tuple[str, int]


class Places:
    """Requests taken and not finished yet, by partition, in the log's order."""

    def __init__(self) -> None:
        self._next: dict[Partition, int] = {}
        self._open: dict[Partition, dict[int, None]] = {}

    def take(self, place: Place) -> bool:
        """A message was read; False where it was read before: after a rebalance reading begins at the commit."""
        partition = place.topic, place.partition
        if place.offset < self._next.get(partition, 0):
            return False
        self._next[partition] = place.offset + 1
        self._open.setdefault(partition, {})[place.offset] = None
        return True

    def finish(self, place: Place) -> None:
        """Nothing more is owed for it."""
        del self._open[place.topic, place.partition][place.offset]

    def committable(self) -> dict[Partition, int]:
        """Where a restart must begin to read."""
        return {partition: next(iter(self._open.get(partition, ())), after) for partition, after in self._next.items()}
