"""The page Events: search and its pages, one event in full, and the story of one id."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.data import query as query_module
from dashboard.data import query_cache
from dashboard.pages.events.queries import Field, every, search
from dashboard.pages.events.search import Criteria, EventPosition, misfit, things
from streamgauge.catalog import loader
from tests.unit.dashboard.conftest import OpenPage, page_text, tile_values
from tests.unit.dashboard.fakes import FakeWarehouse

ITEMS = [{"sku": "S-1", "quantity": 2, "unit_price_cents": 999}, {"sku": "S-2", "quantity": 1, "unit_price_cents": 5}]
HOSTILE = "<script>alert(1)</script> [x](javascript:alert(1)) ![y](http://evil/z.png)"


def publish_order(warehouse: FakeWarehouse, seconds: float, order: str = "O-1", **more: Any) -> None:
    fields = {"region": "eu", "channel": "web", "payment_method": "card", "currency": "EUR", "amount_cents": 1_998}
    order_fields = {"order_id": order, "customer_id": "C-1", "items": ITEMS, **fields, **more}
    warehouse.publish("order.placed", warehouse.ago(seconds), **order_fields)


def publish_click(warehouse: FakeWarehouse, seconds: float, customer: str = "C-1") -> None:
    fields = {"campaign_id": "K-1", "channel": "search", "cost_cents": 3}
    warehouse.publish("ad.click", warehouse.ago(seconds), customer_id=customer, **fields)


def listed_rows(app: AppTest) -> list[tuple[str, str]]:
    """Event and key of each row."""
    return [] if not app.dataframe else [(r["event"], r["key"]) for r in app.dataframe[0].value.to_dict("records")]


@pytest.fixture
def shop(warehouse: FakeWarehouse) -> FakeWarehouse:
    """Three orders and two clicks, newest first: O-3, click C-2, O-2, click C-1, O-1."""
    for number, seconds in ((1, 500), (2, 300), (3, 100)):
        publish_order(warehouse, seconds, f"O-{number}", amount_cents=1_000 * number, customer_id=f"C-{number}")
        warehouse.stream("orders", seconds, 1)
    publish_click(warehouse, 400)
    publish_click(warehouse, 200, "C-2")
    return warehouse


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["O-3", "C-2", "O-2", "C-1", "O-1"]),
        ({"stream": "orders"}, ["O-3", "O-2", "O-1"]),
        ({"type": "ad.click"}, ["C-2", "C-1"]),
        ({"key": "O-2"}, ["O-2"]),
        ({"key": "nobody"}, []),
        ({"stream": "orders", "field": "amount_cents", "value": "2000"}, ["O-2"]),
        ({"stream": "orders", "field": "customer_id", "match": "contains", "value": "c-"}, ["O-3", "O-2", "O-1"]),
        ({"field": "customer_id", "value": "C-2"}, ["C-2", "O-2"]),
        ({"stream": "orders", "field": "items.sku", "value": "S-2"}, ["O-3", "O-2", "O-1"]),
        ({"stream": "orders", "field": "items.sku", "value": "S"}, []),
        ({"stream": "orders", "field": "items", "value": '"S-2"'}, ["O-3", "O-2", "O-1"]),
        ({"range": "5m"}, ["O-3", "C-2"]),
        ({"key": "' OR 1=1 --"}, []),
    ],
)
def test_a_search(shop: FakeWarehouse, open_page: OpenPage, filters: dict[str, str], expected: list[str]) -> None:
    app = open_page("events", **filters)
    assert [key for _, key in listed_rows(app)] == expected
    if not expected:
        assert "matches." in page_text(app)


def test_a_value_of_the_wrong_type_is_reported(shop: FakeWarehouse, open_page: OpenPage) -> None:
    text = page_text(open_page("events", stream="orders", field="amount_cents", value="lots"))
    assert "`amount_cents` holds whole numbers" in text


def test_counts_come_from_window_tables(shop: FakeWarehouse, open_page: OpenPage) -> None:
    assert "3 in 15 min" in page_text(open_page("events", stream="orders"))
    assert "3 in 15 min" in page_text(open_page("events", type="order.placed"))
    assert "Not counted" in page_text(open_page("events", key="O-1"))
    assert "Not counted" in page_text(open_page("events", type="payment.refund_requested"))
    assert not any("count(" in sql and "_events" in sql for sql in shop.statements)


def test_pages_of_results_neither_overlap_nor_skip(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    """Many events of one millisecond, of two streams, over three slices."""
    for number in range(60):
        publish_order(warehouse, 50 if number < 30 else 400, f"O-{number:02}")
        publish_click(warehouse, 50, f"C-{number:02}")
    app = open_page("events", range="1h")
    first = listed_rows(app)
    assert "There are more." in page_text(app)
    next(button for button in app.button if button.label == "Older").click().run()
    assert "before" in app.query_params
    second = listed_rows(app)
    assert "There are more." in page_text(app)
    next(button for button in app.button if button.label == "Older").click().run()
    third = listed_rows(app)
    assert "No older events in the range" in page_text(app)
    assert [len(page) for page in (first, second, third)] == [50, 50, 20]
    assert len({*first, *second, *third}) == 120
    app.text_input(key="address:key").set_value("C-07").run()
    assert "before" not in app.query_params
    assert [key for _, key in listed_rows(app)] == ["C-07"]


def test_a_search_reads_the_newest_slice_first(shop: FakeWarehouse, open_page: OpenPage) -> None:
    for number in range(51):
        publish_order(shop, 5, f"N-{number}")
    shop.statements.clear()
    open_page("events", stream="orders", range="24h")
    assert len([sql for sql in shop.statements if "order_events" in sql]) == 1


def test_one_event_in_full(shop: FakeWarehouse, open_page: OpenPage) -> None:
    publish_order(shop, 10, "O-9", reason=HOSTILE, campaign_id="K-1")
    (row,) = shop.select(
        "SELECT kafka_partition, kafka_offset, epoch_ms(arrived_at) FROM order_events WHERE order_id = 'O-9'"
    )
    app = open_page("events", open=f"orders/{row[0]}/{row[1]}/{row[2]}")
    (shown,) = [json.loads(code.value) for code in app.code]
    assert shown["items"] == ITEMS
    assert shown["reason"] == HOSTILE
    assert "card" not in shown
    text = page_text(app)
    assert f"topic orders, partition 0, offset {row[1]}" in text
    for link in ("/events?range=15m&order=O-9", "/fulfilment?range=15m&order=O-9", "customer=C-1", "sku=S-2"):
        assert link in text
    assert not any("alert" in element.value for kind in (app.markdown, app.caption) for element in kind)


@pytest.mark.parametrize(
    "position", ["orders/0/5/1763884800000", "nonsense", "orders/x/1/2", "nowhere/0/1/1", "a/1/1/9" * 9]
)
def test_a_position_without_an_event_is_no_error(shop: FakeWarehouse, open_page: OpenPage, position: str) -> None:
    open_page("events", open=position)


@pytest.mark.parametrize("query", [{}, {"order": "O-1"}])
def test_empty(warehouse: FakeWarehouse, open_page: OpenPage, query: dict[str, str]) -> None:
    text = page_text(open_page("events", **query))
    assert ("No event names this order" if query else "No events yet") in text


def test_empty_range(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    publish_order(warehouse, 7_200)
    warehouse.stream("orders", 7_200, 1)
    assert "No events in the last 15 min" in page_text(open_page("events"))


def test_the_story_of_an_order(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    """It began before the range; the clock of stock is 40 ms behind; the payment is a dead letter."""
    began = warehouse.ago(7_200)
    publish_order(warehouse, 7_200)
    stock = {"sku": "S-1", "location": "ams", "quantity": 2, "on_hand": 10, "reserved": 2, "order_id": "O-1"}
    saga = {"order_id": "O-1", "started_at": began, "amount_cents": 1_998}
    warehouse.publish("saga.started", began + timedelta(milliseconds=100), state="reserving_stock", **saga)
    warehouse.publish("stock.reserved", began + timedelta(milliseconds=60), **stock)
    states = {"state": "requesting_payment", "previous_state": "reserving_stock"}
    warehouse.publish("saga.advanced", began + timedelta(seconds=20), **states, **saga)
    dead_letter = {"topic": "payments", "reason": "schema", "detail": "amount_cents: < 0", "key": "O-1"}
    warehouse.add(
        "dead_letters", kafka_partition=0, kafka_offset=7, dead_at=began + timedelta(seconds=21), **dead_letter
    )
    app = open_page("events", order="O-1")
    shown = tile_values(app)
    assert shown["Events"][0] == "5"
    assert shown["From first to last"][0] == "21 s"
    assert shown["Longest silence"][0] == "20 s"
    assert shown["Dead letters"][0] == "1"
    assert shown["Clocks differ by"][0] == "40 ms"
    rows = app.dataframe[0].value.to_dict("records")
    assert [(row["event"], row["since"]) for row in rows] == [
        ("order.placed", ""),
        ("saga.started", "+100 ms"),
        ("stock.reserved", "−40 ms"),
        ("saga.advanced", "▲ +20 s"),
        ("dead letter: schema", "+1.0 s"),
    ]
    assert "state: reserving_stock → requesting_payment" in rows[3]["what"]
    assert "/fulfilment?range=15m&order=O-1" in page_text(app)


def test_a_dead_letter_in_full(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    dead_letter = {"topic": "payments", "reason": "schema", "detail": HOSTILE, "key": "O-1", "payload": HOSTILE}
    position = {"kafka_partition": 0, "kafka_offset": 7, "dead_at": warehouse.window(20), "fingerprint": "f00"}
    warehouse.add("dead_letters", **position, **dead_letter)
    (ms,) = warehouse.select("SELECT epoch_ms(dead_at) FROM dead_letters")[0]
    app = open_page("events", order="O-1", open=f"payments/0/7/{ms}")
    assert [code.value for code in app.code] == ["O-1", HOSTILE]
    assert "/dead-letters?range=15m&fingerprint=f00" in page_text(app)
    assert not any("alert" in element.value for kind in (app.markdown, app.caption) for element in kind)


def test_the_story_of_a_customer_is_limited_to_the_range(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    publish_order(warehouse, 100)
    publish_click(warehouse, 110)
    publish_click(warehouse, 4_000)
    assert tile_values(open_page("events", customer="C-1"))["Events"][0] == "2"
    assert tile_values(open_page("events", customer="C-1", range="6h"))["Events"][0] == "3"


def test_another_catalog(warehouse: FakeWarehouse, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    sensors = loader.load("examples.sensors")
    monkeypatch.setattr(query_module, "_KNOWN", {})
    assert things(sensors, {"sensor": "T-1"}) == ("sensor_id", "T-1")
    assert things(sensors, {"order": "O-1"}) is None
    query = search(sensors, Criteria().streams(sensors), Field("temperature_mc"))
    assert query is not None
    assert '"temperature_mc" = TRY_CAST($value AS BIGINT)' in query.sql
    assert misfit(sensors, ["readings"], Criteria(field="temperature_mc", value="warm")) == "whole numbers"
    assert misfit(sensors, ["readings"], Criteria(field="temperature_mc", value="21")) is None


def test_every_query_runs(warehouse: FakeWarehouse) -> None:
    given = {"since": warehouse.ago(900), "until": warehouse.now, "now": warehouse.now, "bucket_s": 10}
    for query in every(query_cache.catalog()):
        warehouse.query(query.sql, query.params(given))


def test_a_position_is_formatted_and_parsed() -> None:
    text = "orders/3/1234/1763884800123"
    assert str(EventPosition.read(text)) == text
