"""Time lag without reading records: when was the record at an offset written? Pure; the caller sends the requests.

For a time `t` a broker returns the first record at or after it: offset and timestamp. As a function of `t` that offset
never falls, so the time at an offset can be bisected: it is the greatest `t` whose record is at or before the offset.
With timestamps out of order it is the newest time up to the offset, which is the best clock a log has. An answer holds
as long as the log is the same one, so it is kept: a partition of a steady stream costs two requests a sample, one that
does not move costs none.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

# Required accuracy: this, or this share of the lag, whichever is more.
TOLERANCE_MS, TOLERANCE = 100, 0.01
# Log ends kept for guessing: with the default interval, those of the last five minutes.
ENDS = 30
# While nothing is known, requests go back from now by this, then by four times as much, and so on.
FIRST_STEP_MS, STEP = 1_000, 4
# At most this many records from one with a known time, they are requested one after the other.
NEAR = 2


class OffsetAtTime(NamedTuple):
    """The first record at or after the requested time; without one, the end of the log and no time."""

    offset: int
    timestamp_ms: int | None


class Bracket(NamedTuple):
    """The time at an offset lies in [low, high); `low_at` and `high_at` are the offsets that prove it.

    `low` is 0 while nothing is known below. `exact` says that the time is `low` itself.
    """

    low: int
    high: int
    low_at: int
    high_at: int
    exact: bool


@dataclass
class PartitionClock:
    """Known times of one partition: facts, and apart from them the log ends that guide the next request."""

    # (offset, time): the newest time up to the offset is that time; the newest time before the offset is less than it.
    _at: list[tuple[int, int]] = field(default_factory=list)
    _before: list[tuple[int, int]] = field(default_factory=list)
    # (offset, time): where the log ended at our clock's time. Only for guesses: a producer's clock may differ.
    _ends: list[tuple[int, int]] = field(default_factory=list)
    _requests: int = 0

    def record_end(self, end: int, at_ms: int) -> None:
        """The log ended at `end` at that time."""
        if self._ends and self._ends[-1][0] == end:
            # The end of a quiet period is the better guess of when the next record came.
            self._ends[-1] = (end, at_ms)
            return
        self._ends.append((end, at_ms))
        del self._ends[:-ENDS]

    def record_answer(self, asked_ms: int, found: OffsetAtTime) -> None:
        """Add an answer of the broker."""
        if found.timestamp_ms is not None:
            self._at.append((found.offset, found.timestamp_ms))
        self._before.append((found.offset, asked_ms))
        self._requests += 1

    def retain(self, offsets: Iterable[int]) -> None:
        """Keep only facts that bear on these offsets or later ones."""
        at, before = set(), set()
        for offset in offsets:
            at |= {max((fact for fact in self._at if fact[0] <= offset), default=None)}
            before |= {min((fact for fact in self._before if fact[0] > offset), default=None)}
        self._at = [fact for fact in at if fact is not None]
        self._before = [fact for fact in before if fact is not None]

    def bracket(self, offset: int, end: int, now_ms: int) -> Bracket:
        """Bounds of the time at an offset. A record dated ahead of our clock counts as written now."""
        low_at, low, high_at, high = 0, 0, end, now_ms + 1
        for fact in self._at:
            if low_at <= fact[0] <= offset and fact[1] >= low:
                low_at, low = fact
        for fact in self._before:
            if offset < fact[0] and fact[1] < high:
                high_at, high = fact
        low = min(low, now_ms)
        return Bracket(low, max(high, low + 1), low_at, high_at, (low_at == offset and low > 0) or low == now_ms)

    def lag_ms(self, offset: int, end: int, now_ms: int) -> int | None:
        """How long ago the record at the offset was written; None until that is accurate enough."""
        known = self.bracket(offset, end, now_ms)
        if not _settled(known, now_ms):
            return None
        return now_ms - known.low - (0 if known.exact else (known.high - 1 - known.low) // 2)

    def next_request(self, offset: int, end: int, now_ms: int) -> int | None:
        """The time to request next, or None when the lag is accurate enough. Each answer narrows the bracket."""
        known = self.bracket(offset, end, now_ms)
        if _settled(known, now_ms):
            return None
        low, high = known.low, known.high
        guess, gap = self._guess(offset)
        if low == 0:
            if 0 < guess - TOLERANCE_MS // 2 < high:
                return guess - TOLERANCE_MS // 2
            return max(1, now_ms - max(FIRST_STEP_MS, STEP * (now_ms - high + 1)))
        if offset - known.low_at <= NEAR:
            # The next record after the low end is it, or the one before it.
            return low + 1
        if not low < guess < high:
            above = min((fact for fact in self._at if fact[0] > offset), default=(known.high_at, high))
            if self._requests % 3 == 0 or above[0] <= known.low_at:
                # Every third request bisects, so that a pause in the stream cannot stall the search.
                return (low + high) // 2
            guess, gap = _between((known.low_at, low), above, offset)
        # A little before the guess, and once that is the low end, a little after it: two requests settle it. In a
        # sparse stream, half the time between two records before it, which is likely to hit the very one.
        near = tolerance_ms(now_ms - guess)
        request = guess - max(near, gap) // 2
        if request - low < near // 2:
            request = low + near
        return request if low < request < high else (low + high) // 2

    def _guess(self, offset: int) -> tuple[int, int]:
        """Guess when the offset was written, from log ends before and after it, and the time between two records there.

        Both are 0 when unknown.
        """
        index = bisect_right(self._ends, offset, key=lambda seen: seen[0])
        if index == 0 or index == len(self._ends):
            return 0, 0
        return _between(self._ends[index - 1], self._ends[index], offset)


def _between(low: tuple[int, int], high: tuple[int, int], offset: int) -> tuple[int, int]:
    """The time at an offset between two of which it is known, and the time between two records, were all even."""
    (first, since), (last, until) = low, high
    return since + (until - since) * (offset - first) // (last - first), (until - since) // (last - first)


def tolerance_ms(lag_ms: int) -> int:
    """Permitted error of a lag."""
    return max(TOLERANCE_MS, int(lag_ms * TOLERANCE))


def _settled(known: Bracket, now_ms: int) -> bool:
    if known.exact:
        return True
    return known.low > 0 and known.high - 1 - known.low <= tolerance_ms(now_ms - known.high + 1)
