"""Watermark: the time up to which a replica has read everything that was in its partitions. Time-outs wait for it.
Pure.

A replica that was away, or is slow, finds answers in its topics that came in time. A clock that ran on meanwhile would
time out every one of those steps, and the retries would keep it slow. So the time that counts is the latest one whose
events have all been read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from streamgauge.runtime.kafka import Partition

# Transaction markers take offsets and are never read: a position this close to the end counts as the end.
NEAR = 8
_MOST_MARKS = 400


class Watermark:
    """`observe` takes positions and log ends, and returns the time (ms) up to which everything has been read."""

    def __init__(self) -> None:
        self._marks: dict[Partition, deque[tuple[int, int]]] = {}
        self._read: dict[Partition, int] = {}

    def observe(self, now_ms: int, positions: Mapping[Partition, tuple[int, int]]) -> int | None:
        """`positions` has position and log end (below 0 while unknown) of each assigned partition.

        Returns None while one of them is unknown.
        """
        for gone in self._marks.keys() - positions.keys():
            del self._marks[gone]
            self._read.pop(gone, None)
        for tp, (position, end) in positions.items():
            marks = self._marks.setdefault(tp, deque())
            if position < 0 or end < 0:
                continue
            while marks and position + NEAR >= marks[0][1]:
                self._read[tp] = marks.popleft()[0]
            if position + NEAR >= end:
                self._read[tp] = now_ms
                marks.clear()
                continue
            if len(marks) == _MOST_MARKS:
                marks.pop()
            marks.append((now_ms, end))
        if len(self._read) < len(positions):
            return None
        return min(self._read.values(), default=None)
