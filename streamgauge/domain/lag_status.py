"""Lag status of one group's partition: Burrow's rules over a sliding window of samples. Pure; time is in the samples.

Burrow reads the commits themselves and so knows when each was made. The sampler requests the committed offset and the
owner of the partition at intervals. Where that leads to another status, docs/lag.md explains it. The rules, in order:

0. UNKNOWN  fewer samples than the window holds, or the lag of the last one is not known. But STALL where a member held
            the partition through the window, events were there, and nothing was ever committed: it is stuck at its
            first event. Events that came while it held the partition prove that; of older ones it may be a consumer
            that begins after the newest and has met none yet, so they alarm for an hour only.
1. OK       it is caught up now. A lag of 1 counts as that, unless the event was seen: a transaction marker takes an
            offset that nobody commits.
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
    "the partitions and reads nothing. STOP: nobody reads. UNKNOWN: too few samples, or a partition without a commit."
)
# SQL for the worst status of a group of rows, as `worst`: of the column `status`.
WORST_SQL = f"min_by(status, list_position({list(WORST_FIRST)}, status))"


# How long events alarm that were there before the member that never commits: it may have to read none of them.
OLDER_ALARM_MS = 3_600_000


class Watch(NamedTuple):
    """A partition without a commit: `since` when a member was first seen to hold it, and by whom it is held now.

    `end` is where the log ended when that member must have found its start, wherever it begins: at the second sample.
    What comes after it waits. None before, and where nobody holds it.
    """

    since_ms: int
    owner: str | None = None
    end: int | None = None

    def then(self, owner: str | None, end: int) -> Watch:
        """The next sample: a new member, or the same one after a rebalance, may begin at another newest event."""
        if owner is None or owner != self.owner:
            return Watch(self.since_ms, owner)
        return self if self.end is not None else self._replace(end=end)


class Seen(NamedTuple):
    """What a reader of committed events met: none before offset `until`. `event`: there is one at `until`.

    Without an event, `until` is the end of what is decided, as of the moment when the log ended at `end`; what lies
    between the two belongs to an open transaction.
    """

    until: int
    event: bool
    end: int


class Sample(NamedTuple):
    """A group's partition at one moment. None is unknown.

    `held`: a member is assigned the partition. `oldest`: the first offset that retention has left. `from_oldest`:
    without a commit the group begins there, and not at the end.
    """

    at_ms: int
    committed: int | None
    end: int
    held: bool
    oldest: int = 0
    seen: Seen | None = None
    from_oldest: bool = False
    watch: Watch | None = None

    @property
    def start(self) -> int:
        """The first offset that is left to read; without a commit, of a reader that begins at the oldest one."""
        return max(self.committed or 0, self.oldest, self.seen.until if self.seen else 0)

    @property
    def undecided(self) -> int:
        """Offsets at the end of an open transaction, which nobody can read yet; 0 while nobody looked."""
        seen = self.seen
        return max(0, self.end - self.start) if seen and not seen.event and seen.end == self.end else 0

    @property
    def most(self) -> int:
        """Offsets left to read, where all that is there has to be read."""
        return max(0, self.end - self.undecided - self.start)

    @property
    def lag(self) -> int | None:
        """Offsets left to read. None when it is beyond the end (the log was recreated), or nothing was committed: it
        depends on the consumer whether it begins at the oldest event or after the newest.
        """
        if self.committed is None:
            return self.most if self.from_oldest or not self.most else None
        return None if self.committed > self.end else self.most

    @property
    def lost(self) -> int | None:
        """Offsets deleted before they were read; None without a commit. A single one may be a transaction marker."""
        if self.committed is None:
            return None
        gone = self.oldest - max(self.committed, self.seen.until if self.seen else 0)
        return gone if gone > MARKER else 0

    @property
    def waits(self) -> bool:
        """Whether there is an event to read, at least for a reader that begins at the oldest one."""
        seen = self.seen
        return self.most > MARKER or (self.most > 0 and seen is not None and seen.event and seen.until == self.start)

    @property
    def least(self) -> int | None:
        """Where `lag` is None, offsets that wait wherever the consumer begins: they came since the member that holds
        the partition has its start. A single one may be a transaction marker, unless the event was seen.
        """
        if self.lag is not None or self.committed is not None:
            return None
        if self.watch is None or self.watch.end is None:
            return 0
        first = max(self.start, self.watch.end)
        seen = self.seen is not None and self.seen.event and self.seen.until >= first
        came = max(0, self.end - self.undecided - first)
        return came if came > (0 if seen else MARKER) else 0


def caught_up(sample: Sample) -> bool:
    """Rules 1 and 2: nothing is waiting."""
    return sample.lag is not None and not sample.waits


def never_committed(window: Sequence[Sample]) -> bool:
    """Rule 0: events were there all the time for the member that holds the partition, and nothing was committed."""
    if not all(sample.committed is None and sample.held and sample.waits for sample in window):
        return False
    newest = window[-1]
    recent = newest.watch is None or newest.at_ms - newest.watch.since_ms <= OLDER_ALARM_MS
    return recent or all(sample.least for sample in window)


def stood_still(window: Sequence[Sample]) -> bool:
    """Rules 3 and 5: every sample has the same committed offset."""
    return all(sample.committed == window[0].committed for sample in window)


def rewound(window: Sequence[Sample]) -> bool:
    """Rule 4: the offset went back, and is still behind its furthest position."""
    offsets = [sample.committed or 0 for sample in window]
    return any(b < a for a, b in pairwise(offsets)) and offsets[-1] < max(offsets)


def never_shrank(window: Sequence[Sample]) -> bool:
    """Rule 6: the distance to the end is never less than before. The lag also shrinks where retention deletes."""
    distances = [sample.end - (sample.committed or 0) for sample in window]
    return all(a <= b for a, b in pairwise(distances))


def judge(window: Sequence[Sample], size: int) -> Status:
    """The status after the last `size` samples, oldest first."""
    if len(window) < size:
        return "UNKNOWN"
    recent = window[-size:]
    if recent[-1].lag is None:
        return "STALL" if never_committed(recent) else "UNKNOWN"
    if caught_up(recent[-1]):
        return "OK"
    known = [sample for sample in recent if sample.lag is not None]
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
    """The worst of several: UNKNOWN hides no verdict but OK."""
    return min(statuses, key=WORST_FIRST.index, default="UNKNOWN")


def is_behind(status: str) -> bool:
    """Whether the consumer has fallen behind and somebody should check it."""
    return status not in ("OK", "UNKNOWN")


def rank(status: str) -> int:
    """Position in a list that is sorted worst first; what is not a status comes last."""
    return WORST_FIRST.index(status) if status in WORST_FIRST else len(WORST_FIRST)
