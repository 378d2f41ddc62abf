"""Figures as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from streamgauge.domain import format

NOON = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cents", "text"),
    [
        (0, "€0.00"),
        (5, "€0.05"),
        (123_456, "€1,234.56"),
        (999_999, "€9,999.99"),
        (1_000_000, "€10,000"),
        (123_456_789_050, "€1,234,567,891"),
        (-250, "-€2.50"),
    ],
)
def test_money(cents: int, text: str) -> None:
    assert format.money(cents) == text


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (0.0, "0"), (0.3, "0.3"), (12.46, "12.5"), (99.9, "99.9"), (1234.4, "1,234")]
)
def test_rate(value: float | None, text: str) -> None:
    assert format.rate(value) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 0, "–"),
        (0, 10, "0.00 %"),
        (1, 1_000_000, "< 0.01 %"),
        (3, 1_000, "0.30 %"),
        (12, 100, "12.0 %"),
        (1, 1, "100.0 %"),
    ],
)
def test_share(part: int, whole: int, text: str) -> None:
    assert format.share(part, whole) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.0 s"),
        (0.64, "0.6 s"),
        (9.94, "9.9 s"),
        (9.95, "10 s"),
        (59.6, "1 min"),
        (200.0, "3 min 20 s"),
        (3_600.0, "1 h"),
        (7_500.0, "2 h 5 min"),
        (273_600.0, "3 d 4 h"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert format.duration(seconds) == text


def test_the_clock_names_the_zone_and_another_days_date() -> None:
    assert format.clock(NOON - timedelta(seconds=1), NOON) == "12:00:04 UTC"
    assert format.clock(NOON - timedelta(days=1), NOON) == "2026-02-28 12:00:05 UTC"


@pytest.mark.parametrize(
    ("now", "before", "text"),
    [(110, 100, "+10.0 %"), (50, 100, "-50.0 %"), (100_001, 100_000, "0.0 %"), (2_500, 100, "+2,400.0 %")],
)
def test_change(now: int, before: int, text: str) -> None:
    value = format.change(now, before)
    assert value is not None
    assert format.percent_change(value) == text


@pytest.mark.parametrize("before", [None, 0])
def test_nothing_to_compare_with_is_no_change(before: int | None) -> None:
    assert format.change(100, before) is None
