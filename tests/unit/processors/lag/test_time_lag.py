"""The search for the time at an offset, against a log that answers as a broker does."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.lag.history import ROUNDS
from processors.lag.time_lag import OffsetAtTime, PartitionClock, tolerance_ms

START = 1_700_000_000_000


class Log:
    """Timestamps by offset, in any order."""

    def __init__(self, timestamps: list[int]) -> None:
        self.timestamps = timestamps
        self.newest = list(accumulate(timestamps, max))

    def look_up(self, time: int, end: int | None = None) -> OffsetAtTime:
        """ListOffsets for a timestamp: the first record at or after it."""
        end = len(self.timestamps) if end is None else end
        # The newest time so far never falls, and rises to `time` at the very record that is sought.
        offset = bisect_left(self.newest, time, hi=end)
        return OffsetAtTime(offset, self.timestamps[offset]) if offset < end else OffsetAtTime(end, None)

    def lag(self, clock: PartitionClock, offset: int, now: int, end: int | None = None) -> tuple[int, int]:
        """What the search gives, and how many questions it took."""
        end, requested = len(self.timestamps) if end is None else end, 0
        while (request := clock.next_request(offset, end, now)) is not None:
            clock.record_answer(request, self.look_up(request, end))
            requested += 1
            assert requested <= 100, f"no end of questions at offset {offset}"
        found = clock.lag_ms(offset, end, now)
        assert found is not None
        return found, requested

    def check(self, clock: PartitionClock, offset: int, now: int, end: int | None = None) -> int:
        """Search, compare with the truth, and say how many questions it took."""
        found, requested = self.lag(clock, offset, now, end)
        truth = max(0, now - self.newest[offset])
        assert abs(found - truth) <= tolerance_ms(truth), f"offset {offset}: {found} ms, in truth {truth} ms"
        return requested


def evenly(gap: int) -> Iterator[int]:
    while True:
        yield gap


def by_chance(mean: float) -> Iterator[int]:
    chance = random.Random(7)
    while True:
        yield round(chance.expovariate(1 / mean))


def in_bursts() -> Iterator[int]:
    while True:
        yield from [3_000, *[1] * 49]


def with_pauses() -> Iterator[int]:
    while True:
        yield from [3_600_000, *[20] * 999]


def log(gaps: Iterator[int], count: int = 5_000) -> Log:
    times = list(accumulate((next(gaps) for _ in range(count)), initial=START))
    return Log(times)


STREAMS: dict[str, Callable[[], Iterator[int]]] = {
    "even": lambda: evenly(30),
    "by chance": lambda: by_chance(200.0),
    "bursts": in_bursts,
    "pauses": with_pauses,
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_cold_start_settles_within_a_samples_rounds(name: str) -> None:
    one = log(STREAMS[name]())
    now = one.timestamps[-1] + 50
    for offset in [0, 1, 10, 2_500, 4_998, 4_999, *random.Random(3).sample(range(5_000), 40)]:
        clock = PartitionClock()
        clock.record_end(len(one.timestamps), now)
        assert one.check(clock, offset, now) <= ROUNDS


@pytest.mark.parametrize("name", ["even", "by chance", "bursts"])
def test_from_sample_to_sample_few_requests_suffice(name: str) -> None:
    """A consumer 5 s behind, sampled every 10 s."""
    one = log(STREAMS[name]())
    clock, requested, now = PartitionClock(), [], START + 60_000
    while now < one.timestamps[-1]:
        end, offset = bisect_left(one.timestamps, now), bisect_left(one.timestamps, now - 5_000)
        clock.record_end(end, now)
        if offset < end:
            requested.append(one.check(clock, offset, now, end))
        clock.retain([offset])
        now += 10_000
    assert len(requested) > 5
    assert sum(requested) / len(requested) < 4


def test_an_offset_that_does_not_move_is_requested_once() -> None:
    one = log(evenly(30))
    clock, now = PartitionClock(), one.timestamps[-1]
    assert one.check(clock, 100, now) > 0
    clock.retain([100])
    assert one.check(clock, 100, now + 3_600_000) == 0


def test_dropped_facts_do_not_change_the_result() -> None:
    one = log(evenly(30))
    clock, now = PartitionClock(), one.timestamps[-1]
    for offset in (100, 2_000, 4_000):
        one.check(clock, offset, now)
    clock.retain([100, 2_000, 4_000])
    for offset in (100, 2_000, 4_000):
        assert one.check(clock, offset, now) == 0


def test_unknown_until_the_first_answer() -> None:
    assert PartitionClock().lag_ms(5, 10, START) is None


def test_a_record_ahead_of_our_clock_is_written_now() -> None:
    one = Log([START + 60_000] * 10)
    assert one.lag(PartitionClock(), 3, START)[0] == 0


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(0, 50_000), min_size=1, max_size=60),
    st.integers(0, 10_000),
    st.lists(st.integers(-20_000, 20_000), min_size=60, max_size=60),
    st.data(),
)
def test_any_log_settles_on_the_true_time(gaps: list[int], ago: int, jitter: list[int], data: st.DataObject) -> None:
    """Timestamps out of order included; several groups share what is learnt."""
    times = [time + jitter[n % 60] for n, time in enumerate(accumulate(gaps, initial=START))]
    one = Log(times)
    now = max(times) + ago
    clock = PartitionClock()
    for offset in data.draw(st.lists(st.integers(0, len(times) - 1), min_size=1, max_size=4)):
        one.check(clock, offset, now)
