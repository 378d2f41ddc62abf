"""Orders and revenue: figures worked out by hand, filters, and pages without data."""

from __future__ import annotations

import pytest

from streamgauge.warehouse.client import QueryError, WarehouseUnavailable
from tests.unit.dashboard.commerce_rows import add_order_window
from tests.unit.dashboard.conftest import OpenPage, chart_totals, page_text, tile_values
from tests.unit.dashboard.fakes import FakeWarehouse


@pytest.fixture
def shop(warehouse: FakeWarehouse) -> FakeWarehouse:
    """Two regions in the last 15 minutes, one before that."""
    warehouse.stream("orders", 2_000, 10)
    warehouse.stream("orders", 30, 40)
    add_order_window(warehouse, 30, 30, 300_001, units=70, confirmed=24, cancelled=3, completed=15)
    add_order_window(
        warehouse, 60, 10, 200_000, region="us", channel="mobile", payment_method="wallet", units=10, confirmed=6
    )
    add_order_window(warehouse, 900 + 60, 20, 100_000, units=40)
    return warehouse


def test_figures(shop: FakeWarehouse, open_page: OpenPage) -> None:
    shown = tile_values(open_page("orders"))
    assert shown["Orders"] == ("40", "+100.0 %")
    assert shown["Revenue"] == ("€5,000.01", "+400.0 %")
    # 500,001 / 40 = 12,500.025 cents, against 5,000.
    assert shown["Order value"] == ("€125.00", "+150.0 %")
    assert shown["Units"] == ("80", "+100.0 %")
    assert shown["Confirmed"] == ("75.0 %", "30 orders")
    assert shown["Cancelled"] == ("7.5 %", "3 orders")
    assert shown["Completed"] == ("37.5 %", "15 orders")


def test_shares_include_names_that_are_not_listed(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    warehouse.stream("orders", 30, 40)
    add_order_window(warehouse, 30, 1, 100, region="r")
    warehouse.select(
        "INSERT INTO order_windows SELECT order_windows.* REPLACE ('r' || n AS region) "
        "FROM order_windows, range(1, 400) AS more(n)"
    )
    shown = open_page("orders", by="region").dataframe[0].value
    assert len(shown) == 200
    assert [*shown["share"].unique()] == [0.25]


def test_filters_and_the_table(shop: FakeWarehouse, open_page: OpenPage) -> None:
    app = open_page("orders", region="us", by="channel")
    assert tile_values(app)["Revenue"] == ("€2,000.00", "no earlier data")
    assert app.selectbox(key="address:region").value == "us"
    assert "Revenue by channel" in page_text(app)
    (row,) = app.dataframe[0].value.to_dict("records")
    assert (row["orders"], row["revenue_cents"], row["share"], row["mean_cents"]) == (10, 2_000.0, 100.0, 200.0)
    assert row["name"] == "/orders?range=15m&channel=mobile"


def test_charts_have_a_series_for_the_comparison(shop: FakeWarehouse, open_page: OpenPage) -> None:
    revenue, orders = chart_totals(open_page("orders"))
    assert revenue == {"eu": 3_000.01, "us": 2_000.0, "15 min before": 1_000.0}
    assert orders == {"eu": 30, "us": 10, "15 min before": 20}
    assert all("15 min before" not in chart for chart in chart_totals(open_page("orders", compare="none")))
    # There is no data of yesterday: a line at 0 would claim that there were no orders.
    assert all("yesterday" not in chart for chart in chart_totals(open_page("orders", compare="yesterday")))


def test_no_orders_match(shop: FakeWarehouse, open_page: OpenPage) -> None:
    app = open_page("orders", region="antarctica")
    assert "No orders match these filters in the last 15 min" in page_text(app)
    assert app.selectbox(key="address:region").value == "antarctica"


def test_empty_and_empty_range(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    assert "No events yet" in page_text(open_page("orders"))
    warehouse.stream("orders", 7_200, 5)
    add_order_window(warehouse, 7_200, 5, 100)
    assert "No events in the last 5 min" in page_text(open_page("orders", range="5m"))


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (WarehouseUnavailable("nobody there"), "The warehouse does not answer"),
        (QueryError("timeout", "cut after 10 s"), "could not answer"),
        (QueryError("table", "no such table"), "The catalog has no `order_windows`"),
    ],
)
def test_errors_of_the_warehouse_are_shown(
    warehouse: FakeWarehouse, open_page: OpenPage, error: Exception, message: str
) -> None:
    warehouse.error = error
    assert message in page_text(open_page("orders"))
