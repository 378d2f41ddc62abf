"""How complete a figure is said to be."""

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
    usual = {"events": 1_000, "dead_letters": 0, "late": 0, "newest": NEWEST, "waiting": 0, "lag_seconds": 0.0}
    return {"stream": stream, **usual, **given}


@pytest.mark.parametrize(
    ("rows", "share"),
    [
        ([row()], 1.0),
        ([row(dead_letters=10)], 0.99),
        ([row(waiting=1_000)], 0.5),
        ([row(waiting=1_000, dead_letters=10)], 0.495),
        ([row(), row("payments", waiting=2_000)], 0.5),
        ([row(events=0)], None),
        ([row(waiting=None, lag_seconds=None)], None),
        ([], None),
    ],
)
def test_share(rows: list[dict[str, Any]], share: float | None) -> None:
    assert trust.of(rows, (), PERIOD).share == share


def test_only_the_figures_own_streams_count() -> None:
    rows = [row(), row("payments", waiting=5_000, dead_letters=7)]
    assert trust.of(rows, ("orders",), PERIOD).share == 1.0
    assert trust.of(rows, ("orders", "payments"), PERIOD).dead_letters == 7


def test_what_waits_belongs_to_no_range_that_ended_before_it_came() -> None:
    over = Period.between(NOW - timedelta(hours=2), NOW - timedelta(hours=1), NOW)
    assert trust.of([row(waiting=1_000, lag_seconds=30.0)], (), over).share == 1.0
    assert trust.of([row(waiting=1_000, lag_seconds=4_000.0)], (), over).share == 0.5


def test_a_figure_of_two_streams_is_as_fresh_as_the_staler_one() -> None:
    rows = [row(), row("payments", newest=NEWEST - timedelta(minutes=5))]
    assert trust.of(rows, ("orders", "payments"), PERIOD).newest == NEWEST - timedelta(minutes=5)
    assert trust.of(rows, (), PERIOD).newest == NEWEST


def test_the_line() -> None:
    known = trust.of([row(dead_letters=8)], (), PERIOD)
    assert known.line(NOW, UTC) == "99.2 % complete as of 12:00:03 UTC"
    assert known.line(NOW, ZoneInfo("Asia/Tokyo")) == "99.2 % complete as of 21:00:03"
    assert trust.of([], (), PERIOD).line(NOW, UTC) == "no events"
    assert trust.of([row(waiting=None)], (), PERIOD).line(NOW, UTC).startswith("completeness unknown")


def test_what_is_not_complete_is_never_rounded_up_to_it() -> None:
    assert trust.percent(0.999_99) == "99.9 %"
    assert trust.percent(1.0) == "100 %"


def test_the_detail_names_what_is_missing() -> None:
    said = trust.of([row(dead_letters=1_234, late=5, waiting=6, lag_seconds=1.5)], (), PERIOD).detail()
    assert said == "In the range: 1,234 dead letters, 5 late events, 6 events waiting, 1.5 s behind."
