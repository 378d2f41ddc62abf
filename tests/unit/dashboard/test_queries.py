"""The pages' SQL on a DuckDB of its own: what is summed, what is left out, what passes the guard."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from dashboard import queries, results
from dashboard.periods import BY_KEY, Period
from warehouse import guard
from warehouse.client import QueryError, _param

NOW = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)
PERIOD = Period(BY_KEY["15m"], NOW)
TABLES = frozenset({"stream_windows", "order_windows"})


class Duck:
    """A source over an in-memory DuckDB; parameters travel as they do over HTTP."""

    def __init__(self) -> None:
        self.db = duckdb.connect(":memory:")
        self.db.execute("SET TimeZone = 'UTC'")
        self.db.execute(
            "CREATE TABLE stream_windows (window_start TIMESTAMPTZ, stream VARCHAR, partition INTEGER, events HUGEINT, "
            "dead_letters BIGINT, late BIGINT, max_occurred_at TIMESTAMPTZ)"
        )
        self.db.execute(
            "CREATE TABLE order_windows (window_start TIMESTAMPTZ, region VARCHAR, channel VARCHAR, orders BIGINT, "
            "revenue_cents HUGEINT)"
        )

    def query(self, sql: str, params: Sequence[Any] = ()) -> pa.Table:
        guard.check(self.db.cursor(), sql, TABLES)
        return self.db.execute(sql, [_param(value) for value in params]).to_arrow_table()

    def stream(self, before_s: float, events: int, dead: int = 0, late: int = 0, stream: str = "orders") -> None:
        start = NOW - timedelta(seconds=before_s)
        start -= timedelta(seconds=start.second % 10, microseconds=start.microsecond)
        row = [start, stream, 0, events, dead, late, start + timedelta(seconds=4)]
        self.db.execute("INSERT INTO stream_windows VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def order(self, before_s: float, orders: int, cents: int, region: str = "eu", channel: str = "web") -> None:
        row = [NOW - timedelta(seconds=before_s), region, channel, orders, cents]
        self.db.execute("INSERT INTO order_windows VALUES (?, ?, ?, ?, ?)", row)


@pytest.fixture
def duck() -> Duck:
    return Duck()


def orders(duck: Duck) -> results.Orders:
    found = queries.overview(duck, PERIOD).orders
    assert found is not None
    return found


def test_nothing_at_all(duck: Duck) -> None:
    overview = queries.overview(duck, PERIOD)
    assert overview.traffic == results.Traffic((), 0, None, None)
    assert overview.orders == results.Orders(0, 0, 0, 0, None, (), ())


def test_events_are_summed_by_bucket_and_stream(duck: Duck) -> None:
    duck.stream(25, 10, dead=1)
    duck.stream(25, 5, late=2)
    duck.stream(25, 7, stream="payments")
    traffic = queries.overview(duck, PERIOD).traffic
    assert [(bucket.stream, bucket.events) for bucket in traffic.buckets] == [("orders", 15), ("payments", 7)]
    assert (traffic.events, traffic.dead_letters, traffic.late) == (22, 1, 2)


def test_coarser_ranges_roll_windows_up(duck: Duck) -> None:
    for before_s in range(75, 135, 10):
        duck.stream(before_s, 1)
    traffic = queries.overview(duck, Period(BY_KEY["1h"], NOW)).traffic
    assert [(bucket.start, bucket.events) for bucket in traffic.buckets] == [
        (datetime(2026, 3, 1, 11, 58, tzinfo=UTC), 6)
    ]


def test_the_running_window_is_in_the_total_but_not_in_the_rate(duck: Duck) -> None:
    duck.stream(15, 10)
    duck.stream(1, 100)
    traffic = queries.overview(duck, PERIOD).traffic
    assert (traffic.events, traffic.recent) == (110, 10)


def test_what_is_older_than_the_period_is_left_out(duck: Duck) -> None:
    duck.stream(3_600, 10)
    traffic = queries.overview(duck, PERIOD).traffic
    assert traffic.events == 0
    assert traffic.newest == datetime(2026, 3, 1, 11, 0, 4, tzinfo=UTC)


def test_an_event_ahead_of_the_clock_is_not_freshness(duck: Duck) -> None:
    duck.stream(15, 1)
    duck.stream(-600, 1)
    assert queries.overview(duck, PERIOD).traffic.newest == datetime(2026, 3, 1, 11, 59, 54, tzinfo=UTC)


def test_a_window_of_late_events_alone_does_not_date_the_beginning(duck: Duck) -> None:
    duck.stream(600, 3, late=3)
    duck.stream(25, 3)
    first = queries.overview(duck, PERIOD).traffic.first_window
    assert first == datetime(2026, 3, 1, 11, 59, 40, tzinfo=UTC)


def test_revenue_is_compared_over_complete_windows(duck: Duck) -> None:
    duck.stream(3_600, 1)
    duck.order(25, 2, 2_000)
    duck.order(1, 1, 500)
    duck.order(915, 1, 1_000)
    # Where the running window is now, one period earlier: not compared.
    duck.order(900, 1, 9_000)
    found = orders(duck)
    assert (found.orders, found.revenue_cents) == (3, 2_500)
    assert (found.complete_cents, found.previous_cents) == (2_000, 1_000)


def test_the_comparison_is_withheld_until_data_reaches_back(duck: Duck) -> None:
    duck.stream(1_000, 1)
    duck.order(1_000, 1, 1_000)
    assert orders(duck).previous_cents is None
    duck.stream(7_200, 3, late=3)
    assert orders(duck).previous_cents is None
    duck.stream(7_200, 3)
    assert orders(duck).previous_cents == 1_000


def test_regions_and_channels_are_ranked_by_revenue_and_bounded(duck: Duck) -> None:
    for number in range(10):
        duck.order(25, 1, 100 * number, region=f"region-{number}", channel="web")
    duck.order(25, 0, 0, region="confirmed only", channel="store")
    found = orders(duck)
    assert [part.name for part in found.regions] == [f"region-{number}" for number in range(9, 9 - queries.TOP, -1)]
    assert found.channels == (results.Slice("web", 10, 4_500),)


def test_a_catalog_without_orders_has_traffic_alone() -> None:
    class Sensors(Duck):
        def query(self, sql: str, params: Sequence[Any] = ()) -> pa.Table:
            if "order_windows" in sql:
                raise QueryError("table", "there is no table `order_windows`")
            return super().query(sql, params)

    duck = Sensors()
    duck.stream(25, 3, stream="readings")
    overview = queries.overview(duck, PERIOD)
    assert overview.orders is None
    assert overview.traffic.events == 3
