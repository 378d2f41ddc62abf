"""Orders and revenue: figures worked out by hand, filters, and what the page says when there is nothing."""

from __future__ import annotations

from typing import Any

import pytest

from streamgauge.warehouse.client import QueryError, WarehouseUnavailable
from tests.unit.dashboard.conftest import House, Open, lines, tiles, words


def sold(house: House, seconds: float, orders: int, cents: int, **more: Any) -> None:
    """A window of placed orders, so long ago."""
    where = {"region": "eu", "channel": "web", "payment_method": "card", **more}
    house.add("order_windows", window_start=house.window(seconds), orders=orders, revenue_cents=cents, **where)


@pytest.fixture
def shop(house: House) -> House:
    """Two regions in the last 15 minutes, one before that."""
    house.stream("orders", 2_000, 10)
    house.stream("orders", 30, 40)
    sold(house, 30, 30, 300_001, units=70, confirmed=24, cancelled=3, completed=15)
    sold(house, 60, 10, 200_000, region="us", channel="mobile", payment_method="wallet", units=10, confirmed=6)
    sold(house, 900 + 60, 20, 100_000, units=40)
    return house


def test_figures(shop: House, open_page: Open) -> None:
    shown = tiles(open_page("orders"))
    assert shown["Orders"] == ("40", "+100.0 %")
    assert shown["Revenue"] == ("€5,000.01", "+400.0 %")
    # 500,001 / 40 = 12,500.025 cents, against 5,000.
    assert shown["Order value"] == ("€125.00", "+150.0 %")
    assert shown["Units"] == ("80", "+100.0 %")
    assert shown["Confirmed"] == ("75.0 %", "30 orders")
    assert shown["Cancelled"] == ("7.5 %", "3 orders")
    assert shown["Completed"] == ("37.5 %", "15 orders")


def test_shares_are_of_all_names_beyond_those_listed(house: House, open_page: Open) -> None:
    house.stream("orders", 30, 40)
    sold(house, 30, 1, 100, region="r")
    house.select(
        "INSERT INTO order_windows SELECT order_windows.* REPLACE ('r' || n AS region) "
        "FROM order_windows, range(1, 400) AS more(n)"
    )
    shown = open_page("orders", by="region").dataframe[0].value
    assert len(shown) == 200
    assert [*shown["share"].unique()] == [0.25]


def test_filters_and_the_table(shop: House, open_page: Open) -> None:
    app = open_page("orders", region="us", by="channel")
    assert tiles(app)["Revenue"] == ("€2,000.00", "no earlier data")
    assert app.selectbox(key="address:region").value == "us"
    assert "Revenue by channel" in words(app)
    (row,) = app.dataframe[0].value.to_dict("records")
    assert (row["orders"], row["revenue_cents"], row["share"], row["mean_cents"]) == (10, 2_000.0, 100.0, 200.0)
    assert row["name"] == "/orders?range=15m&channel=mobile"


def test_what_is_compared_with_is_dashed(shop: House, open_page: Open) -> None:
    revenue, orders = lines(open_page("orders"))
    assert revenue == {"eu": 3_000.01, "us": 2_000.0, "15 min before": 1_000.0}
    assert orders == {"eu": 30, "us": 10, "15 min before": 20}
    assert all("15 min before" not in chart for chart in lines(open_page("orders", compare="none")))
    # Nothing is as old as yesterday: a line at 0 would say that there was nothing.
    assert all("yesterday" not in chart for chart in lines(open_page("orders", compare="yesterday")))


def test_nothing_of_this_choice(shop: House, open_page: Open) -> None:
    app = open_page("orders", region="antarctica")
    assert "No orders match these filters in the last 15 min" in words(app)
    assert app.selectbox(key="address:region").value == "antarctica"


def test_empty_and_empty_range(house: House, open_page: Open) -> None:
    assert "No events yet" in words(open_page("orders"))
    house.stream("orders", 7_200, 5)
    sold(house, 7_200, 5, 100)
    assert "No events in the last 5 min" in words(open_page("orders", range="5m"))


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (WarehouseUnavailable("nobody there"), "The warehouse does not answer"),
        (QueryError("timeout", "cut after 10 s"), "could not answer"),
        (QueryError("table", "no such table"), "The catalog has no `order_windows`"),
    ],
)
def test_broken(house: House, open_page: Open, error: Exception, says: str) -> None:
    house.error = error
    assert says in words(open_page("orders"))
