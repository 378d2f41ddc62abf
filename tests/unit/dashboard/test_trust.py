"""Completeness and freshness of a figure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dashboard.data import trust
from dashboard.data.periods import BY_KEY, Period

NOW = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)
PERIOD = Period.last(BY_KEY["15m"], NOW)
NEWEST = NOW - timedelta(seconds=2)


def row(stream: str = "orders", **given: Any) -> dict[str, Any]:
    defaults = {
        "events": 1_000,
        "dead_letters": 0,
        "late": 0,
        "newest": NEWEST,
        "waiting": 0,
        "lag_seconds": 0.0,
        "lost": 0,
    }
    return {"stream": stream, **defaults, **given}


@pytest.mark.parametrize(
    ("rows", "share"),
    [
        ([row()], 1.0),
        ([row(dead_letters=10)], 0.99),
        ([row(waiting=1_000)], 0.5),
        ([row(waiting=1_000, dead_letters=10)], 0.495),
        ([row(), row("payments", waiting=2_000)], 0.5),
        ([row(lost=250)], 0.8),
        ([row(events=0)], None),
        ([row(waiting=None, lag_seconds=None)], None),
        ([], None),
    ],
)
def test_share(rows: list[dict[str, Any]], share: float | None) -> None:
    assert trust.of(rows, (), PERIOD).share == share


def test_only_the_streams_of_the_figure_count() -> None:
    rows = [row(), row("payments", waiting=5_000, dead_letters=7)]
    assert trust.of(rows, ("orders",), PERIOD).share == 1.0
    assert trust.of(rows, ("orders", "payments"), PERIOD).dead_letters == 7


def test_events_that_arrived_after_the_range_do_not_count_as_waiting() -> None:
    over = Period.between(NOW - timedelta(hours=2), NOW - timedelta(hours=1), NOW)
    assert trust.of([row(waiting=1_000, lag_seconds=30.0)], (), over).share == 1.0
    assert trust.of([row(waiting=1_000, lag_seconds=4_000.0)], (), over).share == 0.5


def test_the_freshness_of_two_streams_is_that_of_the_older() -> None:
    rows = [row(), row("payments", newest=NEWEST - timedelta(minutes=5))]
    assert trust.of(rows, ("orders", "payments"), PERIOD).newest == NEWEST - timedelta(minutes=5)
    assert trust.of(rows, (), PERIOD).newest == NEWEST


def test_the_line_below_a_figure() -> None:
    known = trust.of([row(dead_letters=8)], (), PERIOD)
    assert known.line(NOW, UTC) == "99.2 % complete as of 12:00:03 UTC"
    assert known.line(NOW, ZoneInfo("Asia/Tokyo")) == "99.2 % complete as of 21:00:03"
    assert trust.of([], (), PERIOD).line(NOW, UTC) == "no events"
    assert trust.of([row(waiting=None)], (), PERIOD).line(NOW, UTC).startswith("completeness unknown")


def test_incomplete_is_never_rounded_up_to_complete() -> None:
    assert trust.percent(0.999_99) == "99.9 %"
    assert trust.percent(1.0) == "100 %"


def test_the_detail_names_what_is_missing() -> None:
    text = trust.of([row(dead_letters=1_234, late=5, waiting=6, lag_seconds=1.5)], (), PERIOD).detail()
    assert text == "In the range: 1,234 dead letters, 5 late events, 6 events waiting, 1.5 s behind."
