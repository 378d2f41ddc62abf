"""The verdict on one group's partition: Burrow's rules over a sliding window of samples. Pure; time is in the samples.

Burrow reads the commits themselves and so knows when each was made. We ask for the committed offset every so often, and
for who holds the partition. Where that leads to another verdict, docs/lag.md says so; the rules, in order:

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
# As kafka_consumergroup_status has them; UNKNOWN is absent there.
VALUES: dict[Status, int] = {"OK": 0, "WARN": 1, "REWIND": 2, "STALL": 3, "STOP": 4}


class Sample(NamedTuple):
    """A group's partition at one moment. None is unknown; `held` is whether a member holds the partition."""

    at_ms: int
    committed: int | None
    end: int
    held: bool

    @property
    def lag(self) -> int | None:
        """Offsets not read yet; None where nothing was committed, or beyond the end (the log is another one now)."""
        return None if self.committed is None or self.committed > self.end else self.end - self.committed


def caught_up(sample: Sample) -> bool:
    """Rules 1 and 2: nothing waits, as far as offsets can tell."""
    return sample.lag is not None and sample.lag <= MARKER


def stood_still(window: Sequence[Sample]) -> bool:
    """Rules 3 and 5: every sample has the same committed offset."""
    return all(sample.committed == window[0].committed for sample in window)


def rewound(window: Sequence[Sample]) -> bool:
    """Rule 4: the offset went back, and is still behind the furthest it was."""
    offsets = [sample.committed or 0 for sample in window]
    return any(b < a for a, b in pairwise(offsets)) and offsets[-1] < max(offsets)


def never_shrank(window: Sequence[Sample]) -> bool:
    """Rule 6: the lag is nowhere less than in the sample before."""
    lags = [sample.lag or 0 for sample in window]
    return all(a <= b for a, b in pairwise(lags))


def judge(window: Sequence[Sample], size: int) -> Status:
    """The verdict on the last `size` samples, oldest first."""
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
    """The worst of several; UNKNOWN where nothing is known, and it hides nothing that is."""
    known = [status for status in statuses if status != "UNKNOWN"]
    return max(known, key=VALUES.__getitem__) if known else "UNKNOWN"


def per_second(window: Sequence[tuple[int, int]]) -> float | None:
    """Offsets a second between the first and last of (ms, offset); None where that is not known, or it went back."""
    if len(window) < 2 or any(b[1] < a[1] for a, b in pairwise(window)):
        return None
    seconds = (window[-1][0] - window[0][0]) / 1_000
    return (window[-1][1] - window[0][1]) / seconds if seconds > 0 else None


def catch_up_s(lag: int | None, consumed: float | None, produced: float | None) -> float | None:
    """Seconds until the lag is 0 at these rates; None where it does not shrink or a rate is not known."""
    if lag is None:
        return None
    if lag <= MARKER:
        return 0.0
    if consumed is None or produced is None or consumed <= produced:
        return None
    return lag / (consumed - produced)


def retention_used(committed: int | None, oldest: int | None, end: int) -> float | None:
    """Share of the retained log that is not read yet; at 1 and above events were, or are about to be, lost."""
    if committed is None or oldest is None or committed > end:
        return None
    if end == oldest:  # nothing is retained; what lay before it is read, or gone
        return 0.0 if committed >= end else 1.0
    return (end - committed) / (end - oldest)


# A partition is hot above this many times the mean, in a topic with so many events a second: below, it may be chance.
HOT_RATIO, HOT_EVENTS_PER_SECOND = 1.5, 5.0


def is_hot(produced: Sequence[float]) -> bool:
    """Whether the busiest of a topic's partitions stands out. With two partitions from three quarters of all on."""
    ratio = skew_ratio(produced)
    return ratio is not None and ratio >= HOT_RATIO and sum(produced) >= HOT_EVENTS_PER_SECOND


def skew_ratio(produced: Sequence[float]) -> float | None:
    """The busiest partition over the mean of all: 1 is even, the number of partitions is all in one.

    Not so many standard deviations above the mean: with n partitions none can ever be more than sqrt(n - 1) above.
    """
    mean = sum(produced) / len(produced) if produced else 0.0
    return max(produced) / mean if mean > 0 else None
