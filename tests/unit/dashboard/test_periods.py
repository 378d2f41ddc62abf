"""Time ranges: bounds, buckets, running windows and rates at a given time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dashboard.data.periods import BY_KEY, DEFAULT, RANGES, WINDOW_S, Period, Range, floor

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def at(seconds: float, key: str = "15m") -> Period:
    return Period.last(BY_KEY[key], NOON + timedelta(seconds=seconds))


@pytest.mark.parametrize("choice", RANGES, ids=lambda choice: choice.key)
def test_ranges_are_whole_buckets_of_whole_windows_and_few_enough_to_draw(choice: Range) -> None:
    assert choice.bucket_s % WINDOW_S == 0
    assert choice.seconds % choice.bucket_s == 0
    assert 30 <= choice.seconds // choice.bucket_s <= 200


def test_keys_are_unique_and_the_default_is_one() -> None:
    assert len(BY_KEY) == len(RANGES)
    assert DEFAULT in BY_KEY


def test_coarser_buckets_for_longer_ranges() -> None:
    assert [choice.bucket_s for choice in RANGES] == sorted(choice.bucket_s for choice in RANGES)


@pytest.mark.parametrize("choice", RANGES, ids=lambda choice: choice.key)
@pytest.mark.parametrize("second", [0.0, 1.999, 2.0, 9.999, 3_599.5])
def test_a_period_is_the_whole_range_with_now_in_its_last_bucket(choice: Range, second: float) -> None:
    period = at(second, choice.key)
    assert (period.until - period.since).total_seconds() == choice.seconds
    last = period.buckets()[-1]
    assert last <= period.now < period.until == last + timedelta(seconds=choice.bucket_s)


def test_a_window_is_complete_after_its_grace_period() -> None:
    ends_at_noon = NOON - timedelta(seconds=10)
    assert at(1.999).running(ends_at_noon)
    assert not at(2.0).running(ends_at_noon)
    assert at(2.0).complete_until == NOON


def test_only_the_running_bucket_is_marked() -> None:
    period = at(5)
    assert [start for start in period.buckets() if period.running(start)] == [NOON]


def test_within_the_grace_period_two_buckets_are_running() -> None:
    period = at(1)
    assert [start for start in period.buckets() if period.running(start)] == [NOON - timedelta(seconds=10), NOON]


def test_the_previous_period_is_compared_over_an_equal_span() -> None:
    period = at(7, "1h")
    assert period.previous_since == period.since - timedelta(hours=1)
    assert period.previous_until - period.previous_since == period.complete_until - period.since


def test_buckets_begin_where_data_begins() -> None:
    period = at(5, "1h")
    first = NOON - timedelta(minutes=3, seconds=20)
    assert period.buckets(first)[0] == NOON - timedelta(minutes=4)
    assert period.buckets(NOON - timedelta(days=3)) == period.buckets()


def test_floor_is_aligned_to_the_epoch() -> None:
    assert floor(NOON + timedelta(seconds=3_599.9), 3_600) == NOON


def test_a_rate_covers_the_last_minute() -> None:
    period = at(5)
    assert period.per_second(600, NOON - timedelta(hours=1)) == 10.0


def test_a_rate_divides_by_the_time_covered_by_data() -> None:
    period = at(5)
    assert period.per_second(600, period.complete_until - timedelta(seconds=20)) == 30.0


def test_a_rate_is_unknown_before_the_first_complete_window() -> None:
    period = at(5)
    assert period.per_second(0, period.complete_until) is None
