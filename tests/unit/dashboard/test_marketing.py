"""Marketing: figures worked out by hand, unknown ratios, filters, and every state."""

from __future__ import annotations

from typing import Any

import pytest

from streamgauge.domain import format
from streamgauge.warehouse.client import QueryError, WarehouseUnavailable
from tests.unit.dashboard.conftest import OpenPage, chart_totals, page_text, tile_values
from tests.unit.dashboard.fakes import FakeWarehouse


def add_campaign_window(warehouse: FakeWarehouse, seconds: float, campaign: str, channel: str, **counts: int) -> None:
    """Add a window of the activity of a campaign, so many seconds ago."""
    warehouse.add(
        "marketing_windows", window_start=warehouse.window(seconds), campaign_id=campaign, channel=channel, **counts
    )


def add_attribution_window(
    warehouse: FakeWarehouse, seconds: float, campaign: str, channel: str, segment: str | None, **sums: int
) -> None:
    """Add a window of the credits of a campaign, so many seconds ago."""
    where = {"campaign_id": campaign, "channel": channel, "segment": segment}
    warehouse.add("attribution_windows", window_start=warehouse.window(seconds), **where, **sums)


@pytest.fixture
def shop(warehouse: FakeWarehouse) -> FakeWarehouse:
    """Two campaigns in the last 15 minutes, one of them before; the second costs nothing."""
    for seconds in (30, 2_000):
        warehouse.stream("marketing", seconds, 10)
        warehouse.stream("attribution", seconds, 10)
    known = {"channel": "search", "category": "toys", "starts_at": warehouse.ago(600), "ends_at": None}
    warehouse.publish("campaign.updated", warehouse.ago(600), campaign_id="c1", name="First <i>", **known)
    warehouse.flush()
    add_campaign_window(warehouse, 40, "c1", "search", impressions=1_000, clicks=50, redemptions=2, cost_cents=2_000)
    add_campaign_window(warehouse, 20, "c2", "email", emails_sent=100, emails_opened=30, cost_cents=0)
    add_campaign_window(warehouse, 900 + 40, "c1", "search", impressions=500, clicks=40, cost_cents=1_000)
    add_attribution_window(warehouse, 40, "c1", "search", "new", orders=6, revenue_cents=50_000, margin_cents=9_000)
    add_attribution_window(
        warehouse, 20, "c1", "search", "returning", orders=1, revenue_cents=10_000, margin_cents=1_000
    )
    add_attribution_window(warehouse, 20, "c2", "email", None, orders=3, revenue_cents=12_000, margin_cents=500)
    add_attribution_window(
        warehouse, 900 + 40, "c1", "search", "new", orders=5, revenue_cents=36_000, margin_cents=4_000
    )
    return warehouse


def rows_by_name(app: Any) -> list[dict[str, dict[str, Any]]]:
    """The rows of each table, by the name in their first column."""
    tables = [table.value.to_dict("records") for table in app.dataframe]
    return [{next(iter(row.values())).rpartition("=")[2]: row for row in rows} for rows in tables]


def test_figures(shop: FakeWarehouse, open_page: OpenPage) -> None:
    shown = tile_values(open_page("marketing"))
    assert shown["Spend"] == ("€20.00", "+100.0 %")
    assert shown["Reached"] == ("1,100", "+120.0 %")
    assert shown["Clicks"] == ("80", "+100.0 %")
    assert shown["Orders credited"] == ("10", "+100.0 %")
    assert shown["Revenue credited"] == ("€720.00", "+100.0 %")
    assert shown["Return on spend"] == ("36.0×", "€85.00 after margin")
    assert shown["Cost per order"] == ("€2.00", "12.5 % of clicks")
    assert shown["Promotions redeemed"][0] == "2"


def test_figures_are_those_of_the_view_campaign_windows(shop: FakeWarehouse, open_page: OpenPage) -> None:
    shown = tile_values(open_page("marketing"))
    ((orders, cents, cost, clicks),) = shop.select(
        "SELECT sum(orders)::INT AS orders, sum(revenue_cents)::INT AS revenue, sum(cost_cents)::INT AS cost, "
        f"sum(clicks)::INT AS clicks FROM campaign_windows WHERE window_start > '{shop.ago(900)}'"
    )
    assert shown["Orders credited"][0] == str(orders)
    assert shown["Revenue credited"][0] == format.money(cents)
    assert shown["Spend"][0] == format.money(cost)
    assert shown["Clicks"][0] == str(clicks)


def test_tables_have_names_and_ratios(shop: FakeWarehouse, open_page: OpenPage) -> None:
    app = open_page("marketing")
    channels, campaigns = rows_by_name(app)
    first, second = campaigns["c1"], campaigns["c2"]
    assert (first["name"], list(first["state"]), first["category"]) == ("First <i>", ["running"], "toys")
    assert (first["order_share"], first["back"], first["profit_cents"]) == pytest.approx((14.0, 30.0, 80.0))
    assert first["order_cents"] == 2.86  # 2,000 / 7, to the nearest cent
    # Nothing was spent: its return is unknown, not infinite.
    assert second["back"] != second["back"]
    # A campaign without an event of its own has no name.
    assert second["name"] != second["name"]
    assert channels["email"]["click_share"] == 30.0


def test_over_time_by_campaign_and_ratios_with_gaps(shop: FakeWarehouse, open_page: OpenPage) -> None:
    (spend,) = chart_totals(open_page("marketing", measure="spend", by="campaign"))
    assert spend == {"c1": 20.0, "c2": 0.0, "15 min before": 10.0}
    (cost,) = chart_totals(open_page("marketing", measure="order_cost", compare="none", campaign="c1"))
    # 2,000 cents / 6 orders in one window, 0 / 1 in the other.
    assert cost == {"search": pytest.approx(20 / 6, abs=1e-6)}


def test_filters(shop: FakeWarehouse, open_page: OpenPage) -> None:
    app = open_page("marketing", campaign="c2")
    assert tile_values(app)["Orders credited"] == ("3", "no earlier data")
    assert tile_values(app)["Return on spend"] == ("–", "€5.00 after margin")
    app = open_page("marketing", channel="social")
    assert "No campaigns match these filters in the last 15 min" in page_text(app)


def test_credits_without_attribution_are_unknown(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    warehouse.stream("marketing", 30, 10)
    add_campaign_window(warehouse, 30, "c1", "search", impressions=100, clicks=5, cost_cents=10)
    shown = tile_values(open_page("marketing"))
    assert shown["Spend"][0] == "€0.10"
    for name in ("Orders credited", "Revenue credited", "Return on spend", "Cost per order"):
        assert shown[name][0] == "–"


def test_empty_and_empty_range(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    assert "No events yet" in page_text(open_page("marketing"))
    warehouse.stream("marketing", 7_200, 5)
    assert "No events in the last 5 min" in page_text(open_page("marketing", range="5m"))


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (WarehouseUnavailable("nobody there"), "The warehouse does not answer"),
        (QueryError("table", "no such table"), "The catalog has no `marketing_windows`"),
    ],
)
def test_errors_of_the_warehouse_are_shown(
    warehouse: FakeWarehouse, open_page: OpenPage, error: Exception, message: str
) -> None:
    warehouse.error = error
    assert message in page_text(open_page("marketing"))
