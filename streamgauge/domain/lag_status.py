"""Lag status of one group's partition: Burrow's rules over a sliding window of samples. Pure; time is in the samples.

Burrow reads the commits themselves and so knows when each was made. The sampler requests the committed offset and the
owner of the partition at intervals. Where that leads to another status, docs/lag.md explains it. The rules, in order:

0. UNKNOWN  fewer samples than the window holds, or the last one has no committed offset or no lag.
1. OK       it is caught up now. A lag of 1 counts as that: a transaction marker takes an offset that nobody commits.
2. OK       it was caught up somewhere in the window.
3. STOP     the offset stood still through the window, and at its end no member holds the partition.
4. REWIND   the offset went back from one sample to the next, and has not come back to where it was.
5. STALL    the offset stood still through the window, though a member holds the partition.
6. WARN     the offset moves, but the lag shrank nowhere in the window.
7. OK       otherwise: it moves, and the lag shrank somewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from streamgauge.catalog.builtin.lag import Status

# The end of a log may be a transaction marker, which a consumer never reads and so never commits.
MARKER = 1
# Values of the metric kafka_consumergroup_status, rising with severity; UNKNOWN is absent there.
VALUES: dict[Status, int] = {"OK": 0, "WARN": 1, "REWIND": 2, "STALL": 3, "STOP": 4}
# The order of a list, worst first: what is unknown may hide something, so it precedes what is well.
WORST_FIRST: tuple[Status, ...] = ("STOP", "STALL", "REWIND", "WARN", "UNKNOWN", "OK")
# Worse than WARN: the consumer does not make progress at all.
ALARMING: frozenset[str] = frozenset({"REWIND", "STALL", "STOP"})
MEANING = (
    "OK: caught up, or catching up. WARN: reads, but falls behind. REWIND: the offset went back. STALL: a member holds "
    "the partitions and reads nothing. STOP: nobody reads. UNKNOWN: too few samples."
)
# SQL for the worst status of a group of rows, as `worst`: of the column `status`.
WORST_SQL = f"max_by(status, list_position({['UNKNOWN', *VALUES]}, status))"


class Sample(NamedTuple):
    """A group's partition at one moment. None is unknown; `held`: a member is assigned the partition."""

    at_ms: int
    committed: int | None
    end: int
    held: bool

    @property
    def lag(self) -> int | None:
        """Offsets not read yet; None when nothing was committed, or beyond the end (the log was recreated)."""
        return None if self.committed is None or self.committed > self.end else self.end - self.committed


def caught_up(sample: Sample) -> bool:
    """Rules 1 and 2: nothing is waiting, as far as offsets show."""
    return sample.lag is not None and sample.lag <= MARKER


def stood_still(window: Sequence[Sample]) -> bool:
    """Rules 3 and 5: every sample has the same committed offset."""
    return all(sample.committed == window[0].committed for sample in window)


def rewound(window: Sequence[Sample]) -> bool:
    """Rule 4: the offset went back, and is still behind its furthest position."""
    offsets = [sample.committed or 0 for sample in window]
    return any(b < a for a, b in pairwise(offsets)) and offsets[-1] < max(offsets)


def never_shrank(window: Sequence[Sample]) -> bool:
    """Rule 6: the lag is never less than in the sample before."""
    lags = [sample.lag or 0 for sample in window]
    return all(a <= b for a, b in pairwise(lags))


def judge(window: Sequence[Sample], size: int) -> Status:
    """The status after the last `size` samples, oldest first."""
    if not window or window[-1].lag is None:
        return "UNKNOWN"
    if caught_up(window[-1]) and len(window) >= size:
        return "OK"
    known = [sample for sample in window[-size:] if sample.lag is not None]
    if len(known) < size:
        return "UNKNOWN"
    if any(map(caught_up, known)):
        return "OK"
    if stood_still(known):
        return "STALL" if known[-1].held else "STOP"
    if rewound(known):
        return "REWIND"
    return "WARN" if never_shrank(known) else "OK"


def worst(statuses: Sequence[Status]) -> Status:
    """The worst of several; UNKNOWN counts only where nothing else is known."""
    known = [status for status in statuses if status != "UNKNOWN"]
    return max(known, key=VALUES.__getitem__) if known else "UNKNOWN"


def is_behind(status: str) -> bool:
    """Whether the consumer has fallen behind and somebody should check it."""
    return status not in ("OK", "UNKNOWN")


def rank(status: str) -> int:
    """Position in a list that is sorted worst first; what is not a status comes last."""
    return WORST_FIRST.index(status) if status in WORST_FIRST else len(WORST_FIRST)
