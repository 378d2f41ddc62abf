"""Dedup window: the `event_id`s that a partition had within the horizon. Pure: no Kafka, no clock.

It is a function of the log alone: any replica that reads the same events builds the same window, whatever the batches
were and whichever replica counted them. A partition's time at an event is the greatest Kafka timestamp up to it, cut
into slices of a quarter of the horizon. An event is a repeat when its id occurred at most four slices earlier: always
within the horizon, never more than a quarter beyond it. Repeats are added too, so a producer that keeps repeating an
event is not counted again.

An id is a 64-bit hash in a sorted array of its slice: 8 bytes. With n ids in a partition's window, a new one is taken
for a repeat by mistake with probability n / 2⁶⁴: 5 in 10¹⁴ at a million.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
_Int64 = NDArray[np.int64]
# More slices would approximate the horizon better; each is one more array to search.
SLICES = 4


@dataclass(frozen=True)
class _Run:
    """Sorted distinct hashes of one slice, from `first` to `last` offset; `clock` is the partition's time at `last`."""

    slice: int
    first: int
    last: int
    clock: int
    ids: Hashes


class DedupWindow:
    """The ids of one partition up to `end`, the offset after the newest event added (None while empty)."""

    def __init__(self, within_s: int) -> None:
        self._width_ms = -(-within_s * 1_000 // SLICES)
        # Confirmed runs by slice; and the runs of batches that may be read again, which are never merged.
        self._kept: dict[int, list[_Run]] = defaultdict(list)
        self._pending: list[_Run] = []
        self._confirmed_end: int | None = None
        self._confirmed_clock = 0

    @property
    def _clock(self) -> int:
        return self._pending[-1].clock if self._pending else self._confirmed_clock

    @property
    def end(self) -> int | None:
        """The offset after the newest event added."""
        return self._pending[-1].last + 1 if self._pending else self._confirmed_end

    @property
    def ids(self) -> int:
        """Number of ids held."""
        return sum(len(run.ids) for run in self._runs())

    @property
    def bytes(self) -> int:
        """Memory that the ids take."""
        return sum(run.ids.nbytes for run in self._runs())

    def _runs(self) -> list[_Run]:
        return [run for runs in self._kept.values() for run in runs] + self._pending

    def reach_ms(self, time_ms: int) -> int:
        """Earliest time (ms) whose events are needed to check one at `time_ms`."""
        return max(0, time_ms - (SLICES + 1) * self._width_ms)

    def add(self, ids: Hashes, timestamps: _Int64, offsets: _Int64) -> NDArray[np.bool_]:
        """Add events in offset order; returns which are repeats. All stay pending until `confirm`."""
        times = np.maximum.accumulate(np.maximum(timestamps, self._clock))
        slices = times // self._width_ms
        # By hash, equal ones in their order: each event is compared with the one before it that has the same id.
        order = np.argsort(ids, kind="stable")
        ordered, ordered_slices = ids[order], slices[order]
        again = np.zeros(len(ids), np.bool_)
        again[1:] = (ordered[1:] == ordered[:-1]) & (ordered_slices[1:] - ordered_slices[:-1] <= SLICES)
        for run in self._runs():
            if slices[0] - run.slice > SLICES:
                continue
            index = np.minimum(np.searchsorted(run.ids, ordered), len(run.ids) - 1)
            again |= (run.ids[index] == ordered) & (ordered_slices - run.slice <= SLICES)
        self._append(ids if slices[0] != slices[-1] else ordered, slices, times, offsets)
        repeated = np.empty(len(ids), np.bool_)
        repeated[order] = again
        return repeated

    def _append(self, ids: Hashes, slices: _Int64, times: _Int64, offsets: _Int64) -> None:
        """Events in the order of their offsets; `ids` are sorted already where all are of one slice."""
        # Slices rise with the offsets. Those too old at the end of the batch are never compared again.
        oldest = np.searchsorted(slices, slices[-1] - SLICES)
        starts = oldest + np.flatnonzero(np.diff(slices[oldest:], prepend=-1))
        for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(ids)], strict=True):
            part = ids[start:end]
            known = _distinct(part if slices[0] == slices[-1] else np.sort(part))
            first, last, clock = int(offsets[start]), int(offsets[end - 1]), int(times[end - 1])
            self._pending.append(_Run(int(slices[start]), first, last, clock, known))

    def confirm(self, offset: int) -> None:
        """Everything before `offset` is committed and never read again."""
        sure = 0
        while sure < len(self._pending) and self._pending[sure].last < offset:
            sure += 1
        if not sure:
            return
        for run in self._pending[:sure]:
            self._merge(run)
        newest = self._pending[sure - 1]
        self._confirmed_end, self._confirmed_clock = newest.last + 1, newest.clock
        del self._pending[:sure]
        for number in [number for number in self._kept if number < newest.slice - SLICES]:
            del self._kept[number]

    def _merge(self, run: _Run) -> None:
        """Add a run. A growing slice keeps runs that double in size, so there are few; an older slice has one."""
        for number, runs in self._kept.items():
            if number < run.slice and len(runs) > 1:
                runs[:] = [_joined(runs)]
        runs = self._kept[run.slice]
        runs.append(run)
        while len(runs) > 1 and len(runs[-2].ids) < 2 * len(runs[-1].ids):
            runs[-2:] = [_joined(runs[-2:])]

    def rewind(self, offset: int) -> bool:
        """Drop what came from `offset` on, which is read again. False when it can no longer be separated."""
        self.confirm(offset)
        if self._confirmed_end is not None and self._confirmed_end > offset:
            return False
        if self._pending and self._pending[0].first < offset:
            return False
        self._pending.clear()
        return True


def _distinct(ids: Hashes) -> Hashes:
    different = np.ones(len(ids), np.bool_)
    different[1:] = ids[1:] != ids[:-1]
    return ids if different.all() else ids[different]


def _joined(runs: list[_Run]) -> _Run:
    # Sorted parts: the stable sort merges them.
    ids = np.sort(np.concatenate([run.ids for run in runs]), kind="stable")
    return _Run(runs[0].slice, runs[0].first, runs[-1].last, runs[-1].clock, _distinct(ids))
