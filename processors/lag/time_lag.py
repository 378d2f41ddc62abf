"""Time lag without reading: when was the record at an offset written? Pure; the caller asks the broker.

A broker tells for a time `t` the first record at or after it: its offset and its timestamp. As a function of `t` that
offset never falls, so the time at an offset can be closed in on: it is the greatest `t` whose record stands at or
before the offset. Where timestamps are out of order that is the newest time up to the offset, which is what a log has
for a clock. An answer holds for as long as the log is the same one, so it is kept: in a steady stream a partition costs
two questions a sample, one that stands still none.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

# How exact the time must be: this, or this share of the lag, whichever is more.
TOLERANCE_MS, TOLERANCE = 100, 0.01
# Ends of the log kept for guessing: with the default interval the last five minutes.
ENDS = 30
# Where nothing is known yet, questions go back from now by this, then by four times as much, and so on.
FIRST_STEP_MS, STEP = 1_000, 4
# So few records away from one whose time is known, they are asked for one after the other.
NEAR = 2


class OffsetAtTime(NamedTuple):
    """The first record at or after the time asked for; where there is none, the end of the log without a time."""

    offset: int
    timestamp_ms: int | None


class Bracket(NamedTuple):
    """The time at an offset lies in [low, high); `low_at` and `high_at` are the offsets that say so.

    `low` is 0 while nothing is known below. `exact` says that the time is `low` itself.
    """

    low: int
    high: int
    low_at: int
    high_at: int
    exact: bool


@dataclass
class PartitionClock:
    """What is known of one partition's times: facts, and apart from them the guesses that steer the next question."""

    # (offset, time): the newest time up to the offset is that time; the newest time before the offset is less than it.
    _at: list[tuple[int, int]] = field(default_factory=list)
    _before: list[tuple[int, int]] = field(default_factory=list)
    # (offset, time): where the log ended when we looked. Only for guesses: a producer's clock is not ours.
    _ends: list[tuple[int, int]] = field(default_factory=list)
    _requests: int = 0

    def record_end(self, end: int, at_ms: int) -> None:
        """The log ended at `end` at that time."""
        if self._ends and self._ends[-1][0] == end:
            # The last moment of a quiet time is the better guess of when the next record came.
            self._ends[-1] = (end, at_ms)
            return
        self._ends.append((end, at_ms))
        del self._ends[:-ENDS]

    def record_answer(self, asked_ms: int, found: OffsetAtTime) -> None:
        """An answer of the broker."""
        if found.timestamp_ms is not None:
            self._at.append((found.offset, found.timestamp_ms))
        self._before.append((found.offset, asked_ms))
        self._requests += 1

    def retain(self, offsets: Iterable[int]) -> None:
        """Keep what bears on these offsets, those still to come, and nothing else."""
        at, before = set(), set()
        for offset in offsets:
            at |= {max((fact for fact in self._at if fact[0] <= offset), default=None)}
            before |= {min((fact for fact in self._before if fact[0] > offset), default=None)}
        self._at = [fact for fact in at if fact is not None]
        self._before = [fact for fact in before if fact is not None]

    def bracket(self, offset: int, end: int, now_ms: int) -> Bracket:
        """What is known of the time at an offset. A record dated ahead of our clock counts as written now."""
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
        """How long ago the record at the offset was written, where that is known well enough."""
        known = self.bracket(offset, end, now_ms)
        if not _settled(known, now_ms):
            return None
        return now_ms - known.low - (0 if known.exact else (known.high - 1 - known.low) // 2)

    def next_request(self, offset: int, end: int, now_ms: int) -> int | None:
        """The time to ask for next, or None where the lag is known well enough. Each answer narrows the bracket."""
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
                # Every third time the middle, so that a pause in the stream cannot hold us up.
                return (low + high) // 2
            guess, gap = _between((known.low_at, low), above, offset)
        # A little before the guess, and once that is the low end, a little after it: two questions settle it. In a
        # sparse stream, half the time between two records before it, which is likely to hit the very one.
        near = tolerance_ms(now_ms - guess)
        request = guess - max(near, gap) // 2
        if request - low < near // 2:
            request = low + near
        return request if low < request < high else (low + high) // 2

    def _guess(self, offset: int) -> tuple[int, int]:
        """When the offset was written, going by where the log ended before and after, and the time between two records
        there; 0 where that is not known."""
        index = bisect_right(self._ends, offset, key=lambda seen: seen[0])
        if index == 0 or index == len(self._ends):
            return 0, 0
        return _between(self._ends[index - 1], self._ends[index], offset)


def _between(low: tuple[int, int], high: tuple[int, int], offset: int) -> tuple[int, int]:
    """The time at an offset between two of which it is known, and the time between two records, were all even."""
    (first, since), (last, until) = low, high
    return since + (until - since) * (offset - first) // (last - first), (until - since) // (last - first)


def tolerance_ms(lag_ms: int) -> int:
    """How far off a lag may be."""
    return max(TOLERANCE_MS, int(lag_ms * TOLERANCE))


def _settled(known: Bracket, now_ms: int) -> bool:
    if known.exact:
        return True
    return known.low > 0 and known.high - 1 - known.low <= tolerance_ms(now_ms - known.high + 1)
