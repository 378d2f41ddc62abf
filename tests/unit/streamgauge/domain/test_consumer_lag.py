"""Rates, catch-up time and retention of consumer lag."""

from __future__ import annotations

import pytest

from streamgauge.domain import consumer_lag


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([], None),
        ([(0, 10)], None),
        ([(0, 10), (10_000, 10)], 0.0),
        ([(0, 10), (10_000, 30), (20_000, 60)], 2.5),
        ([(0, 10), (10_000, 5), (20_000, 60)], None),
        ([(0, 10), (0, 60)], None),
    ],
)
def test_rates(points: list[tuple[int, int]], expected: float | None) -> None:
    assert consumer_lag.per_second(points) == expected


@pytest.mark.parametrize(
    ("lag", "consumed", "produced", "expected"),
    [
        (0, None, None, 0.0),
        (1, 0.0, 5.0, 0.0),
        (100, 15.0, 5.0, 10.0),
        (100, 5.0, 5.0, None),
        (100, None, 5.0, None),
        (None, 15.0, 5.0, None),
    ],
)
def test_catching_up(lag: int | None, consumed: float | None, produced: float | None, expected: float | None) -> None:
    assert consumer_lag.catch_up_s(lag, consumed, produced) == expected


@pytest.mark.parametrize(
    ("lag", "oldest", "end", "expected"),
    [
        (0, 0, 100, 0.0),
        (25, 0, 100, 0.25),
        (50, 50, 100, 1.0),
        (0, 100, 100, 0.0),
        (None, 0, 100, None),
        (5, None, 100, None),
        # The oldest offset is requested after the end, and may have passed it.
        (0, 120, 100, 0.0),
    ],
)
def test_retention(lag: int | None, oldest: int | None, end: int, expected: float | None) -> None:
    assert consumer_lag.retention_used(lag, oldest, end) == expected
