"""A story has every event of the entity in the documented order, whatever the services' clocks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from streamgauge.catalog import causes, loader
from streamgauge.catalog.causes import ancestors, depths
from streamgauge.catalog.loader import Catalog
from streamgauge.cli.query.story import kind_of
from streamgauge.runtime.errors import UsageError
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse.sql import guard
from streamgauge.warehouse.store import Store, connect
from streamgauge.warehouse.story import SKEW_MS
from tests.support import invented_events
from tests.unit.streamgauge.warehouse.commerce import Commerce

T = datetime(2026, 11, 23, 4, tzinfo=UTC)
ITEMS = [{"sku": "S-1", "quantity": 2, "unit_price_cents": 999}]
ORDER: dict[str, Any] = {
    "order_id": "O-1",
    "customer_id": "C-1",
    "region": "eu",
    "channel": "web",
    "payment_method": "card",
    "currency": "EUR",
    "amount_cents": 1_998,
    "items": ITEMS,
}
PAYMENT = {"payment_id": "P-O-1", "order_id": "O-1", "customer_id": "C-1", "method": "card"}


def after(ms: int) -> datetime:
    return T + timedelta(milliseconds=ms)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return loader.load("streamgauge.catalog.commerce")


@pytest.fixture
def shop(tmp_path: Path) -> Commerce:
    """An order whose services' clocks differ: stock and the saga are behind the storefront, payment behind both."""
    shop = Commerce(tmp_path)
    saga = {"order_id": "O-1", "started_at": T, "amount_cents": 1_998}
    shop.publish("order.placed", T, **ORDER)
    shop.publish("saga.started", after(-30), state="reserving_stock", items=ITEMS, attempt=1, **saga)
    stock = {"sku": "S-1", "location": "ams", "quantity": 2, "on_hand": 10, "reserved": 2}
    shop.publish("stock.reserved", after(-40), order_id="O-1", **stock)
    shop.publish("saga.advanced", after(100), state="requesting_payment", previous_state="reserving_stock", **saga)
    shop.publish("payment.requested", after(100), amount_cents=1_998, currency="EUR", **PAYMENT)
    shop.publish("payment.authorised", after(60), amount_cents=1_990, currency="EUR", **PAYMENT)
    shipment = {"shipment_id": "S-O-1", "order_id": "O-1", "carrier": "dhl", "region": "eu"}
    shop.publish("shipment.requested", after(100), **shipment)
    click = {"campaign_id": "K-1", "channel": "search", "customer_id": "C-1", "cost_cents": 3}
    shop.publish("ad.click", after(-60_000), **click)
    shop.publish("ad.impression", after(-90_000), **click)
    shop.publish("stock.received", after(5_000), sku="S-2", location="ams", quantity=2, on_hand=1, reserved=0)
    return shop


def told(shop: Commerce, identifier: str, columns: str = "event", more: str = "") -> list[Any]:
    rows = shop.select(f"SELECT {columns} FROM story('{identifier}'{more}) ORDER BY seq")
    return [row[0] if len(row) == 1 else row for row in rows]


def test_a_cause_comes_before_its_effect(shop: Commerce) -> None:
    """By the clocks alone the stock would be reserved first, and the payment authorised before it is requested."""
    assert told(shop, "O-1") == [
        "order.placed",
        "saga.started",
        "stock.reserved",
        "saga.advanced",
        "payment.requested",
        "payment.authorised",
        "shipment.requested",
    ]


def test_what_changed(shop: Commerce) -> None:
    details = dict(told(shop, "O-1", "event, detail"))
    assert details["saga.advanced"] == "state: reserving_stock → requesting_payment"
    assert details["payment.authorised"] == "amount_cents: 1998 → 1990"
    assert "amount_cents: 1998" in details["payment.requested"]
    # What stock was before is not in this order's story.
    assert "→" not in details["stock.reserved"]
    assert json.loads(told(shop, "O-1", "fields")[0])["region"] == "eu"


def test_a_customer_has_the_story_of_the_orders_too(shop: Commerce) -> None:
    """The impression came after the click, and long before it happened."""
    events = told(shop, "C-1", "event, via, late")
    assert events[:2] == [("ad.impression", "customer_id", True), ("ad.click", "customer_id", False)]
    assert [event for event, _, _ in events[2:]] == told(shop, "O-1")
    assert ("shipment.requested", "its order_id", False) in events


def test_an_article_is_found_inside_lists(shop: Commerce) -> None:
    assert told(shop, "S-1", "event, via") == [
        ("order.placed", "items.sku"),
        ("saga.started", "items.sku"),
        ("stock.reserved", "sku"),
    ]
    assert told(shop, "S-1", more=", of_kind := 'order_id'") == []
    assert told(shop, "K-1") == ["ad.impression", "ad.click"]
    assert told(shop, "nobody") == []


def test_a_dead_letter_is_of_the_kind_of_its_topics_keys(shop: Commerce) -> None:
    letter = {"topic": "orders", "stream": "orders", "reason": "schema", "detail": "amount_cents: < 0", "key": "O-1"}
    shop.add("dead_letters", kafka_partition=0, kafka_offset=7, dead_at=after(5), **letter)
    for of_kind in ("", ", of_kind := 'order_id'"):
        assert told(shop, "O-1", more=of_kind).count("dead letter: schema") == 1
    assert told(shop, "O-1", more=", of_kind := 'sku'") == []


def test_a_time_range_selects_by_arrival_in_kafka(shop: Commerce) -> None:
    span = ", reached_since := '2026-11-23T03:59:00Z', reached_until := $$2026-11-23T04:00:00Z$$"
    assert told(shop, "C-1", more=span) == ["ad.click", "saga.started", "stock.reserved"]
    assert told(shop, "O-1", more=span) == ["saga.started", "stock.reserved"]


@pytest.fixture(scope="module")
def invention(
    catalog: Catalog, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[list[invented_events.Invented], duckdb.DuckDBPyConnection]]:
    events = invented_events.events(catalog, 120, seed=7)
    db = connect(Settings(data_dir=tmp_path_factory.mktemp("story")))
    invented_events.merge(catalog, Store(db, catalog, "c"), events)
    yield events, db
    db.close()


@pytest.mark.parametrize("identifier", ["O-1", "C-2", "S-3", "O-4", "C-5"])
def test_the_promised_order_of_any_events(
    catalog: Catalog, invention: tuple[list[invented_events.Invented], duckdb.DuckDBPyConnection], identifier: str
) -> None:
    """Events without sense, at times in no order: each of the promises of docs/story.md holds."""
    events, db = invention
    story = db.execute(f"SELECT * FROM story('{identifier}') ORDER BY seq").to_arrow_table().to_pylist()
    named = {
        (event.topic, event.partition, event.offset)
        for event in events
        if catalog.raw_table(event.topic) and event.topic in catalog.own and _names(catalog, event, identifier)
    }
    places = [(row["stream"], row["partition"], row["offset"]) for row in story]
    assert len(set(places)) == len(places)
    assert named <= set(places)
    if not identifier.startswith("C"):
        assert named == set(places)
    for stream, key in {(row["stream"], row["key"]) for row in story}:
        kept = [row["offset"] for row in story if (row["stream"], row["key"]) == (stream, key) and not row["late"]]
        assert kept == sorted(kept)
    moved = [row for row in story if not row["late"]]
    for earlier, later in zip(moved, moved[1:], strict=False):
        behind = earlier["happened_at"] - later["happened_at"]
        assert behind <= timedelta(milliseconds=2 * SKEW_MS)


def _names(catalog: Catalog, event: invented_events.Invented, identifier: str) -> bool:
    """True where a field that is the key of some stream has that value, in the event or in its items."""
    keys = {stream.key for stream in catalog.own.values()}
    fields = json.loads(event.value)
    inner = [(k, v) for one in fields.get("items") or [] for k, v in one.items()]
    return any(k in keys and v == identifier for k, v in [*fields.items(), *inner])


def test_causes_have_no_cycle() -> None:
    above = ancestors({"b": ("a",), "c": ("b",)})
    assert above == {"b": {"a"}, "c": {"a", "b"}}
    assert depths({"b": ("a",), "c": ("b",)}) == {"a": 0, "b": 1, "c": 2}
    with pytest.raises(ValueError, match="causes itself"):
        causes.ancestors({"b": ("a",), "a": ("b",)})


def test_kinds(catalog: Catalog) -> None:
    assert kind_of(catalog, "order") == kind_of(catalog, "order_id") == "order_id"
    assert kind_of(catalog, "sku") == "sku"
    with pytest.raises(UsageError, match="customer_id"):
        kind_of(catalog, "colour")


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("FROM story('O-1')", None),
        ("SELECT count(*) FROM story('O-1', of_kind := 'sku') WHERE happened_at > TIMESTAMP '2026-01-01'", None),
        ("FROM story((SELECT getenv('HOME')))", "function"),
        ("FROM story((SELECT content FROM read_text('/etc/passwd')))", "function"),
        ("FROM story((SELECT max(value) FROM internal.facts))", "table"),
        ("FROM main.story_of('O-1')", "function"),
    ],
)
def test_the_guard_stays_shut(sql: str, rule: str | None) -> None:
    """The guard admits the macro, and nothing through its arguments."""
    with duckdb.connect() as db:
        try:
            guard.check(db, sql, frozenset({"orders"}))
            refused = None
        except guard.RefusedSql as error:
            refused = error.rule
    assert refused == rule
