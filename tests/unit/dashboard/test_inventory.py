"""Inventory: movements in the range from windows; stock-outs, cover and surge guard from the views."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.data import query_cache
from streamgauge.warehouse.client import QueryError, WarehouseUnavailable
from tests.unit.dashboard.conftest import OpenPage, chart_totals, page_text, tile_values
from tests.unit.dashboard.fakes import FakeWarehouse

PRICE = 1_000


@pytest.fixture
def shop(warehouse: FakeWarehouse) -> FakeWarehouse:
    """Lamps are out in reno, where 6 were refused within two minutes; dublin has some, and chairs run low."""
    for name, category in (("lamp", "home"), ("chair", "home")):
        known = {"name": name.title(), "category": category, "price_cents": PRICE, "cost_cents": 1}
        warehouse.publish("product.updated", warehouse.ago(3_600), sku=name, **known)
    running = {"channel": "social", "category": "home", "starts_at": warehouse.ago(600), "ends_at": None}
    warehouse.publish("campaign.updated", warehouse.ago(600), campaign_id="light", name="Light <b>up</b>", **running)

    def publish_movement(
        what: str, seconds: float, sku: str, location: str, quantity: int, on_hand: int, reserved: int
    ) -> None:
        fields = {"sku": sku, "location": location, "quantity": quantity, "on_hand": on_hand, "reserved": reserved}
        warehouse.publish(f"stock.{what}", warehouse.ago(seconds), **fields)

    publish_movement("received", 119, "lamp", "reno", 10, 10, 0)
    publish_movement("reserved", 90, "lamp", "reno", 10, 10, 10)
    publish_movement("rejected", 60, "lamp", "reno", 6, 10, 10)
    publish_movement("received", 115, "lamp", "dublin", 7, 7, 0)
    publish_movement("received", 110, "chair", "reno", 20, 20, 0)
    publish_movement("reserved", 30, "chair", "reno", 16, 20, 16)
    warehouse.flush()
    warehouse.stream("inventory", 30, 6)
    return warehouse


def table_rows(app: Any) -> list[list[dict[str, Any]]]:
    """The rows of each table of the page."""
    return [table.value.to_dict("records") for table in app.dataframe]


def test_movements_in_the_range(shop: FakeWarehouse, open_page: OpenPage) -> None:
    app = open_page("inventory")
    shown = {label: value for label, (value, _) in tile_values(app).items() if label.endswith("in range")}
    assert shown == {
        "Reserved in range": "26",
        "Shipped in range": "0",
        "Received in range": "37",
        "Refused in range": "6",
    }
    moves, locations = chart_totals(app)
    assert moves == {"Reserved": 26, "Shipped": 0, "Received": 37, "Released": 0, "Refused": 6}
    assert locations == {"dublin": 0, "reno": 26}
    assert chart_totals(open_page("inventory", location="dublin", move="received"))[1] == {"dublin": 7}


def test_current_stock_is_that_of_the_views(shop: FakeWarehouse, open_page: OpenPage) -> None:
    app = open_page("inventory")
    shown = tile_values(app)
    assert shown["Oversold"][0] == "0"
    assert shown["Out of stock"] == ("1", "of 3")
    assert shown["Low cover"][0] == "1"
    ((refused, cents, elsewhere),) = shop.select(
        "SELECT refused_per_minute, refused_cents_per_minute, available_elsewhere FROM stock_outs"
    )
    assert shown["Refused units/min"][0] == f"{refused:.1f}"
    # Over the two minutes with data, in whole windows.
    assert 3.0 <= refused <= 4.0
    assert cents == refused * PRICE
    (out,), (chair,), guarded = table_rows(app)
    assert (out["sku"], out["location"], out["available_elsewhere"]) == (
        "/events?range=15m&sku=lamp",
        "reno",
        elsewhere,
    )
    assert out["refused_cents_per_minute"] == pytest.approx(cents / 100)
    assert (chair["name"], chair["available"], list(chair["status"])) == ("Chair", 4, ["low"])
    assert 0 < chair["minutes_of_cover"] < 1
    assert [(one["sku"].rpartition("=")[2], one["location"], list(one["level"])) for one in guarded] == [
        ("lamp", "reno", ["sold_out"]),
        ("chair", "reno", ["critical"]),
        ("lamp", "dublin", ["ok"]),
    ]
    assert guarded[0]["campaign_id"] == "/marketing?range=15m&campaign=light"


def test_location_and_status(shop: FakeWarehouse, open_page: OpenPage) -> None:
    app = open_page("inventory", location="dublin")
    assert tile_values(app)["Out of stock"] == ("0", "of 1")
    assert "No article that matches the filters is out of stock" in page_text(app)
    app = open_page("inventory", status="low")
    assert [row["name"] for row in table_rows(app)[0]] == ["Chair"]
    assert "No article that matches the filters is out of stock" in page_text(app)


def test_queries_of_current_stock_are_shared_by_all_ranges(
    shop: FakeWarehouse, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = query_cache.QueryCache(clock=lambda: 0.0)
    monkeypatch.setattr(query_cache, "cache", lambda: stopped)
    for chosen in ("5m", "24h"):
        open_page("inventory", range=chosen)
    assert sum("stock_levels" in sql for sql in shop.statements) == 2
    assert sum("surge_guard" in sql for sql in shop.statements) == 1


def test_without_events_in_the_range_stock_is_known_and_rates_are_not(
    warehouse: FakeWarehouse, open_page: OpenPage
) -> None:
    level = {"sku": "lamp", "location": "reno", "quantity": 5, "on_hand": 5, "reserved": 0}
    warehouse.publish("stock.received", warehouse.ago(7_200), **level)
    warehouse.flush()
    warehouse.stream("inventory", 7_200, 1)
    app = open_page("inventory")
    shown = tile_values(app)
    assert (shown["Out of stock"][0], shown["Refused units/min"][0], shown["Refused €/min"][0]) == ("0", "–", "–")
    assert "No events in the last 15 min" in page_text(app)


def test_refused_money_is_unknown_without_a_price(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    for seconds, what in ((119, "received"), (60, "rejected")):
        level = {"sku": "lamp", "location": "reno", "quantity": 5, "on_hand": 5, "reserved": 5}
        warehouse.publish(f"stock.{what}", warehouse.ago(seconds), **level)
    warehouse.flush()
    warehouse.stream("inventory", 60, 2)
    assert tile_values(open_page("inventory"))["Refused €/min"] == ("–", "1 without a price")


def test_empty(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    assert "No events yet" in page_text(open_page("inventory"))


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (WarehouseUnavailable("nobody there"), "The warehouse does not answer"),
        (QueryError("table", "no such table"), "The catalog has no `inventory_windows`"),
    ],
)
def test_errors_of_the_warehouse_are_shown(
    warehouse: FakeWarehouse, open_page: OpenPage, error: Exception, message: str
) -> None:
    warehouse.error = error
    assert message in page_text(open_page("inventory"))
