"""Inventory: movements of the range from windows; stock-outs, cover and surge guard as the views have them."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.data import query_cache
from streamgauge.warehouse.client import QueryError, WarehouseUnavailable
from tests.unit.dashboard.conftest import House, Open, lines, tiles, words

PRICE = 1_000


@pytest.fixture
def shop(house: House) -> House:
    """Lamps are out in reno, where 6 were refused in the two minutes there are; dublin has some, and chairs run low."""
    for name, category in (("lamp", "home"), ("chair", "home")):
        known = {"name": name.title(), "category": category, "price_cents": PRICE, "cost_cents": 1}
        house.publish("product.updated", house.ago(3_600), sku=name, **known)
    running = {"channel": "social", "category": "home", "starts_at": house.ago(600), "ends_at": None}
    house.publish("campaign.updated", house.ago(600), campaign_id="light", name="Light <b>up</b>", **running)

    def moved(what: str, seconds: float, sku: str, location: str, quantity: int, on_hand: int, reserved: int) -> None:
        fields = {"sku": sku, "location": location, "quantity": quantity, "on_hand": on_hand, "reserved": reserved}
        house.publish(f"stock.{what}", house.ago(seconds), **fields)

    moved("received", 119, "lamp", "reno", 10, 10, 0)
    moved("reserved", 90, "lamp", "reno", 10, 10, 10)
    moved("rejected", 60, "lamp", "reno", 6, 10, 10)
    moved("received", 115, "lamp", "dublin", 7, 7, 0)
    moved("received", 110, "chair", "reno", 20, 20, 0)
    moved("reserved", 30, "chair", "reno", 16, 20, 16)
    house.flush()
    house.stream("inventory", 30, 6)
    return house


def records(app: Any) -> list[list[dict[str, Any]]]:
    """The rows of each table that there is."""
    return [table.value.to_dict("records") for table in app.dataframe]


def test_what_moved_in_the_range(shop: House, open_page: Open) -> None:
    app = open_page("inventory")
    shown = {label: value for label, (value, _) in tiles(app).items() if label.endswith("in range")}
    assert shown == {
        "Reserved in range": "26",
        "Shipped in range": "0",
        "Received in range": "37",
        "Refused in range": "6",
    }
    moves, places = lines(app)
    assert moves == {"Reserved": 26, "Shipped": 0, "Received": 37, "Released": 0, "Refused": 6}
    assert places == {"dublin": 0, "reno": 26}
    assert lines(open_page("inventory", location="dublin", move="received"))[1] == {"dublin": 7}


def test_stock_now_is_what_the_views_say(shop: House, open_page: Open) -> None:
    app = open_page("inventory")
    shown = tiles(app)
    assert shown["Oversold"][0] == "0"
    assert shown["Out of stock"] == ("1", "of 3")
    assert shown["Low cover"][0] == "1"
    ((refused, cents, elsewhere),) = shop.select(
        "SELECT refused_per_minute, refused_cents_per_minute, available_elsewhere FROM stock_outs"
    )
    assert shown["Refused units/min"][0] == f"{refused:.1f}"
    # Over the two minutes that there are, in whole windows.
    assert 3.0 <= refused <= 4.0
    assert cents == refused * PRICE
    (out,), (chair,), guarded = records(app)
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


def test_location_and_status(shop: House, open_page: Open) -> None:
    app = open_page("inventory", location="dublin")
    assert tiles(app)["Out of stock"] == ("0", "of 1")
    assert "No article that matches the filters is out of stock" in words(app)
    app = open_page("inventory", status="low")
    assert [row["name"] for row in records(app)[0]] == ["Chair"]
    assert "No article that matches the filters is out of stock" in words(app)


def test_stock_is_asked_for_once_whatever_the_range(
    shop: House, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = query_cache.QueryCache(clock=lambda: 0.0)
    monkeypatch.setattr(query_cache, "cache", lambda: stopped)
    for chosen in ("5m", "24h"):
        open_page("inventory", range=chosen)
    assert sum("stock_levels" in sql for sql in shop.asked) == 2
    assert sum("surge_guard" in sql for sql in shop.asked) == 1


def test_stock_is_there_in_a_quiet_range_and_rates_are_not_known(house: House, open_page: Open) -> None:
    level = {"sku": "lamp", "location": "reno", "quantity": 5, "on_hand": 5, "reserved": 0}
    house.publish("stock.received", house.ago(7_200), **level)
    house.flush()
    house.stream("inventory", 7_200, 1)
    app = open_page("inventory")
    shown = tiles(app)
    assert (shown["Out of stock"][0], shown["Refused units/min"][0], shown["Refused €/min"][0]) == ("0", "–", "–")
    assert "No events in the last 15 min" in words(app)


def test_refused_money_is_not_known_without_a_price(house: House, open_page: Open) -> None:
    for seconds, what in ((119, "received"), (60, "rejected")):
        level = {"sku": "lamp", "location": "reno", "quantity": 5, "on_hand": 5, "reserved": 5}
        house.publish(f"stock.{what}", house.ago(seconds), **level)
    house.flush()
    house.stream("inventory", 60, 2)
    assert tiles(open_page("inventory"))["Refused €/min"] == ("–", "1 without a price")


def test_empty(house: House, open_page: Open) -> None:
    assert "No events yet" in words(open_page("inventory"))


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (WarehouseUnavailable("nobody there"), "The warehouse does not answer"),
        (QueryError("table", "no such table"), "The catalog has no `inventory_windows`"),
    ],
)
def test_broken(house: House, open_page: Open, error: Exception, says: str) -> None:
    house.error = error
    assert says in words(open_page("inventory"))
