"""The storefront: reproducible, only customers' actions, fraud as labelled, and no label in an event."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import Any

import msgspec
import pytest

from generators.duplicates import Duplicates
from generators.encode import Event
from generators.fraud_scenarios import PATTERNS
from generators.ledger import Ledger
from generators.refund_abuse import never_receives
from generators.storefront import SURGE_PRODUCTS, Storefront
from streamgauge.catalog.commerce import STREAMS

START = 1_760_000_000_000
COUNT = 80_000


def opened(seed: int = 1, fraud: float = 0.05) -> Storefront:
    return Storefront(seed, START, 2_000.0, fraud=fraud)


@pytest.fixture(scope="module")
def run() -> tuple[list[Event], dict[str, str]]:
    shop = opened()
    return list(shop.events(COUNT)), shop.labels


@pytest.fixture(scope="module")
def orders(run: tuple[list[Event], dict[str, str]]) -> list[dict[str, Any]]:
    return [json.loads(event[2] or b"") for event in run[0] if event[3] == "order.placed"]


def test_the_same_seed_gives_the_same_bytes_and_labels(run: tuple[list[Event], dict[str, str]]) -> None:
    shop = opened()
    assert [event[:3] for event in shop.events(30_000)] == [event[:3] for event in run[0][:30_000]]
    assert shop.labels.items() <= run[1].items()
    other = opened(seed=2)
    assert [event[2] for event in other.events(5_000)] != [event[2] for event in run[0][:5_000]]


def test_it_publishes_only_what_customers_and_marketing_do(run: tuple[list[Event], dict[str, str]]) -> None:
    kinds = Counter(event[3] for event in run[0])
    assert set(kinds) == {
        *("order.placed", "ad.impression", "ad.click", "email.sent", "email.opened", "promotion.redeemed"),
        *("campaign.updated", "product.updated"),
    }
    decoders = {stream.topic: msgspec.json.Decoder(stream.event).decode for stream in STREAMS}
    for topic, key, value, *_ in run[0]:
        event = decoders[topic](value or b"")
        assert key == getattr(event, next(stream.key for stream in STREAMS if stream.topic == topic))


def test_customers_keep_their_cards(run: tuple[list[Event], dict[str, str]], orders: list[dict[str, Any]]) -> None:
    cards: dict[str, set[str]] = defaultdict(set)
    for order in orders:
        assert ("card" in order) == (order["payment_method"] == "card")
        if "card" in order and order["order_id"] not in run[1]:
            cards[order["customer_id"]].add(order["card"])
    assert {len(held) for held in cards.values()} == {1, 2}
    owners = Counter(card for held in cards.values() for card in held)
    assert set(owners.values()) == {1}


def test_fraud_matches_its_label(run: tuple[list[Event], dict[str, str]], orders: list[dict[str, Any]]) -> None:
    labels = run[1]
    assert set(labels.values()) == set(PATTERNS)
    assert len(labels) / len(orders) == pytest.approx(0.05, abs=0.015)
    of: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for order in orders:
        if pattern := labels.get(order["order_id"]):
            of[pattern].append(order)
    assert all(order["amount_cents"] < 1_500 for order in of["card_testing"])
    assert len({order["card"] for order in of["card_testing"]}) == len(of["card_testing"])
    assert max(Counter(order["card"] for order in of["stolen_card"]).values()) >= 4
    assert all(order["items"][0]["quantity"] == 20 for order in of["amount_spike"])
    assert all(never_receives(order["customer_id"]) for order in of["refund_abuse"])
    regions: dict[str, set[str]] = defaultdict(set)
    for order in orders:
        regions[order["customer_id"]].add(order["region"])
    assert all(len(regions[order["customer_id"]]) > 1 for order in of["region_hop"])


def test_no_event_reveals_fraud(run: tuple[list[Event], dict[str, str]]) -> None:
    text = b"".join(event[2] or b"" for event in run[0])
    assert not [pattern for pattern in PATTERNS if pattern.encode() in text]


def test_without_fraud_there_is_none() -> None:
    shop = opened(fraud=0.0)
    list(shop.events(30_000))
    assert shop.labels == {}


def test_the_ledger_has_the_labels_of_acknowledged_orders(run: tuple[list[Event], dict[str, str]]) -> None:
    ledger = Ledger(run[1])
    half = run[0][: COUNT // 2]
    ledger.add(half)
    totals = ledger.totals()
    there = {event[1] for event in half if event[0] == "orders"}
    assert totals["fraud"] == {order: pattern for order, pattern in run[1].items() if order in there}
    assert totals["produced"] == len(half)
    assert totals["streams"]["products"]["produced"] >= 600


def test_a_surge_is_for_a_few_products_of_one_campaign() -> None:
    shop = opened(fraud=0.0)
    list(shop.events(10_000))
    shop.surge(on=True)
    surge = [json.loads(event[2] or b"") for event in shop.events(40_000) if event[3] == "order.placed"]
    skus = Counter(item["sku"] for order in surge for item in order["items"])
    assert sum(count for _, count in skus.most_common(SURGE_PRODUCTS)) > 0.5 * skus.total()
    shop.surge(on=False)
    list(shop.events(10_000))
    after = [json.loads(event[2] or b"") for event in shop.events(40_000) if event[3] == "order.placed"]
    assert len(after) < 0.7 * len(surge)


def test_a_poison_burst_is_invalid_orders_and_ends() -> None:
    shop = opened()
    list(shop.events(5_000))
    shop.poison(on=True)
    burst = list(shop.events(20_000))
    bad = [event for event in burst if not event[3]]
    assert {event[0] for event in bad} == {"orders"}
    assert len(bad) == pytest.approx(3 * sum(event[3] == "order.placed" for event in burst), abs=12)
    shop.poison(on=False)
    assert all(event[3] for event in shop.events(5_000))


def test_duplicates_are_the_same_events_a_little_later(run: tuple[list[Event], dict[str, str]]) -> None:
    duplicates, copies, now = Duplicates(1, 0.1), [], START
    for first in range(0, 50_000, 20):
        now += 10
        copies += duplicates.due(run[0][first : first + 20], now)
    copies += duplicates.remaining()
    assert len(copies) == pytest.approx(5_000, rel=0.1)
    assert {event[2] for event in copies} <= {event[2] for event in run[0]}
    ledger = Ledger()
    ledger.add(run[0][:50_000])
    before = ledger.totals()
    ledger.add_copies(copies)
    after = ledger.totals()
    assert after["duplicates"] == len(copies)
    counted = {"duplicates", "streams"}
    assert {k: v for k, v in after.items() if k not in counted} == {k: v for k, v in before.items() if k not in counted}
