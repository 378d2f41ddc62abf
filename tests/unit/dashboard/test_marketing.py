"""Marketing: figures worked out by hand, ratios that cannot be had, filters, and every state."""

from __future__ import annotations

from typing import Any

import pytest

from streamgauge.domain import format
from streamgauge.warehouse.client import QueryError, WarehouseUnavailable
from tests.unit.dashboard.conftest import House, Open, lines, tiles, words


def clicked(house: House, seconds: float, campaign: str, channel: str, **counts: int) -> None:
    """A window of what a campaign did, so long ago."""
    house.add("marketing_windows", window_start=house.window(seconds), campaign_id=campaign, channel=channel, **counts)


def credited(house: House, seconds: float, campaign: str, channel: str, segment: str | None, **sums: int) -> None:
    """A window of what a campaign is credited with, so long ago."""
    where = {"campaign_id": campaign, "channel": channel, "segment": segment}
    house.add("attribution_windows", window_start=house.window(seconds), **where, **sums)


@pytest.fixture
def shop(house: House) -> House:
    """Two campaigns in the last 15 minutes, one of them before; the second costs nothing."""
    for seconds in (30, 2_000):
        house.stream("marketing", seconds, 10)
        house.stream("attribution", seconds, 10)
    known = {"channel": "search", "category": "toys", "starts_at": house.ago(600), "ends_at": None}
    house.publish("campaign.updated", house.ago(600), campaign_id="c1", name="First <i>", **known)
    house.flush()
    clicked(house, 40, "c1", "search", impressions=1_000, clicks=50, redemptions=2, cost_cents=2_000)
    clicked(house, 20, "c2", "email", emails_sent=100, emails_opened=30, cost_cents=0)
    clicked(house, 900 + 40, "c1", "search", impressions=500, clicks=40, cost_cents=1_000)
    credited(house, 40, "c1", "search", "new", orders=6, revenue_cents=50_000, margin_cents=9_000)
    credited(house, 20, "c1", "search", "returning", orders=1, revenue_cents=10_000, margin_cents=1_000)
    credited(house, 20, "c2", "email", None, orders=3, revenue_cents=12_000, margin_cents=500)
    credited(house, 900 + 40, "c1", "search", "new", orders=5, revenue_cents=36_000, margin_cents=4_000)
    return house


def records(app: Any) -> list[dict[str, dict[str, Any]]]:
    """The rows of each table, by what their first column says."""
    tables = [table.value.to_dict("records") for table in app.dataframe]
    return [{next(iter(row.values())).rpartition("=")[2]: row for row in rows} for rows in tables]


def test_figures(shop: House, open_page: Open) -> None:
    shown = tiles(open_page("marketing"))
    assert shown["Spend"] == ("€20.00", "+100.0 %")
    assert shown["Reached"] == ("1,100", "+120.0 %")
    assert shown["Clicks"] == ("80", "+100.0 %")
    assert shown["Orders credited"] == ("10", "+100.0 %")
    assert shown["Revenue credited"] == ("€720.00", "+100.0 %")
    assert shown["Return on spend"] == ("36.0×", "€85.00 after margin")
    assert shown["Cost per order"] == ("€2.00", "12.5 % of clicks")
    assert shown["Promotions redeemed"][0] == "2"


def test_the_same_as_the_view_campaign_windows(shop: House, open_page: Open) -> None:
    shown = tiles(open_page("marketing"))
    ((orders, cents, cost, clicks),) = shop.select(
        "SELECT sum(orders)::INT AS orders, sum(revenue_cents)::INT AS revenue, sum(cost_cents)::INT AS cost, "
        f"sum(clicks)::INT AS clicks FROM campaign_windows WHERE window_start > '{shop.ago(900)}'"
    )
    assert shown["Orders credited"][0] == str(orders)
    assert shown["Revenue credited"][0] == format.money(cents)
    assert shown["Spend"][0] == format.money(cost)
    assert shown["Clicks"][0] == str(clicks)


def test_tables_have_names_and_ratios(shop: House, open_page: Open) -> None:
    app = open_page("marketing")
    channels, campaigns = records(app)
    first, second = campaigns["c1"], campaigns["c2"]
    assert (first["name"], list(first["state"]), first["category"]) == ("First <i>", ["running"], "toys")
    assert (first["order_share"], first["back"], first["profit_cents"]) == pytest.approx((14.0, 30.0, 80.0))
    assert first["order_cents"] == 2.86  # 2,000 / 7, to the nearest cent
    # Nothing was spent: its return is not known, and not endless.
    assert second["back"] != second["back"]
    # A campaign that nobody described has no name.
    assert second["name"] != second["name"]
    assert channels["email"]["click_share"] == 30.0


def test_over_time_by_campaign_and_ratios_with_gaps(shop: House, open_page: Open) -> None:
    (spend,) = lines(open_page("marketing", measure="spend", by="campaign"))
    assert spend == {"c1": 20.0, "c2": 0.0, "15 min before": 10.0}
    (cost,) = lines(open_page("marketing", measure="order_cost", compare="none", campaign="c1"))
    # 2,000 cents / 6 orders in one window, 0 / 1 in the other.
    assert cost == {"search": pytest.approx(20 / 6, abs=1e-6)}


def test_filters(shop: House, open_page: Open) -> None:
    app = open_page("marketing", campaign="c2")
    assert tiles(app)["Orders credited"] == ("3", "no earlier data")
    assert tiles(app)["Return on spend"] == ("–", "€5.00 after margin")
    app = open_page("marketing", channel="social")
    assert "No campaigns match these filters in the last 15 min" in words(app)


def test_what_nobody_credits_is_not_known(house: House, open_page: Open) -> None:
    house.stream("marketing", 30, 10)
    clicked(house, 30, "c1", "search", impressions=100, clicks=5, cost_cents=10)
    shown = tiles(open_page("marketing"))
    assert shown["Spend"][0] == "€0.10"
    for name in ("Orders credited", "Revenue credited", "Return on spend", "Cost per order"):
        assert shown[name][0] == "–"


def test_empty_and_empty_range(house: House, open_page: Open) -> None:
    assert "No events yet" in words(open_page("marketing"))
    house.stream("marketing", 7_200, 5)
    assert "No events in the last 5 min" in words(open_page("marketing", range="5m"))


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (WarehouseUnavailable("nobody there"), "The warehouse does not answer"),
        (QueryError("table", "no such table"), "The catalog has no `marketing_windows`"),
    ],
)
def test_broken(house: House, open_page: Open, error: Exception, says: str) -> None:
    house.error = error
    assert says in words(open_page("marketing"))
