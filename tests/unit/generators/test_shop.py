"""The shop: reproducible, true to the contract, and consistent across streams."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.encode import Event
from generators.shop import Shop
from generators.world import World, rhythm
from tests.unit.generators.contract import KEYS, TYPES, breaches

START = 1_760_000_000_000


def story(
    count: int = 60_000, seed: int = 1, start_ms: int = START, rate: float = 2_000.0, **shares: float
) -> list[Event]:
    return list(Shop(seed, start_ms, rate, **shares).events(count))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def events() -> list[Event]:
    """More than half a minute: closed orders and open ones."""
    return story(100_000)


@pytest.fixture(scope="module")
def parsed(events: list[Event]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(event[0], event[1], json.loads(event[2] or b"null")) for event in events]


def digest(events: list[Event]) -> str:
    return hashlib.sha256(repr([event[:3] for event in events]).encode()).hexdigest()


@given(seed=st.integers(0, 2**32), invalid=st.sampled_from((0.0, 0.1)), late=st.sampled_from((0.0, 0.1)))
@settings(max_examples=5, deadline=None)
def test_the_same_seed_gives_the_same_bytes(seed: int, invalid: float, late: float) -> None:
    first = story(3_000, seed, invalid=invalid, late=late)
    assert digest(first) == digest(story(3_000, seed, invalid=invalid, late=late))
    assert digest(first) != digest(story(3_000, seed + 1, invalid=invalid, late=late))


def test_a_longer_run_begins_like_a_shorter_one() -> None:
    assert story(2_345) == story(5_000)[:2_345]


def test_runs_that_begin_at_different_times_share_no_ids() -> None:
    ids = [{json.loads(event[2] or b"")["event_id"] for event in story(2_000, start_ms=START + ms)} for ms in (0, 1)]
    assert not ids[0] & ids[1]


def test_every_event_keeps_the_contract(parsed: list[tuple[str, str, dict[str, Any]]]) -> None:
    for topic, key, event in parsed:
        assert not breaches(topic, key, event), event


def test_every_type_occurs_and_ids_are_unique(parsed: list[tuple[str, str, dict[str, Any]]]) -> None:
    for topic in KEYS:
        assert {event["event_type"] for stream, _, event in parsed if stream == topic} == TYPES[topic]
    assert len({event["event_id"] for _, _, event in parsed}) == len(parsed)


def test_optional_fields_are_there_null_or_left_out(parsed: list[tuple[str, str, dict[str, Any]]]) -> None:
    orders = [event for topic, _, event in parsed if topic == "orders"]
    for name in ("campaign_id", "reason"):
        assert {type(event.get(name, ...)).__name__ for event in orders} == {"str", "NoneType", "ellipsis"}
    assert any("note" in event for event in orders)


def test_no_event_is_dated_after_its_tick(events: list[Event]) -> None:
    shop = Shop(3, START, 2_000.0)
    last = 0
    for _ in range(500):
        for event in shop.tick():
            assert last <= event[4] < shop.now
            last = event[4]


def test_stock_is_never_inconsistent_and_each_event_explains_the_next(
    parsed: list[tuple[str, str, dict[str, Any]]],
) -> None:
    effect = {
        "stock.received": (1, 0),
        "stock.reserved": (0, 1),
        "stock.released": (0, -1),
        "stock.shipped": (-1, -1),
        "stock.rejected": (0, 0),
    }
    levels: dict[tuple[str, str], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for topic, _, event in parsed:
        if topic != "inventory":
            continue
        place = event["sku"], event["location"]
        on_hand, reserved = levels[place]
        of_hand, of_reserved = effect[event["event_type"]]
        expected = on_hand + of_hand * event["quantity"], reserved + of_reserved * event["quantity"]
        assert (event["on_hand"], event["reserved"]) == expected
        assert 0 <= event["reserved"] <= event["on_hand"]
        if event["event_type"] == "stock.rejected":
            assert on_hand - reserved < event["quantity"]
        levels[place] = expected
    assert len(levels) > 1_000


# What may follow what in the life of one order, over all its streams (without stock).
NEXT = {
    None: {"order.placed"},
    "order.placed": {"promotion.redeemed", "payment.requested", "order.cancelled"},
    "promotion.redeemed": {"payment.requested", "order.cancelled"},
    "payment.requested": {"payment.authorised", "payment.declined"},
    "payment.declined": {"order.cancelled"},
    "payment.authorised": {"order.confirmed"},
    "order.confirmed": {"shipment.requested", "order.cancelled"},
    "shipment.requested": {"shipment.dispatched"},
    "shipment.dispatched": {"shipment.delivered", "shipment.failed"},
    "shipment.delivered": {"order.completed"},
    "shipment.failed": {"order.cancelled"},
    "order.cancelled": {"payment.refund_requested"},
    "payment.refund_requested": {"payment.refunded"},
}


def test_each_order_has_a_consistent_history(parsed: list[tuple[str, str, dict[str, Any]]]) -> None:
    lives: dict[str, list[dict[str, Any]]] = defaultdict(list)
    stock: dict[str, Counter[str]] = defaultdict(Counter)
    for topic, _, event in parsed:
        order_id = event.get("order_id")
        if order_id is None:
            continue
        if topic == "inventory":
            stock[order_id][event["event_type"]] += event["quantity"]
        else:
            lives[order_id].append(event)
    assert set(stock) <= set(lives)
    for order_id, life in lives.items():
        placed, last = life[0], None
        units = sum(line["quantity"] for line in placed["items"])
        for event in life:
            assert event["event_type"] in NEXT[last], [step["event_type"] for step in life]
            last = event["event_type"]
            for name in ("customer_id", "amount_cents", "region", "items", "campaign_id"):
                if name in event:
                    assert event[name] == placed[name]
            if "method" in event:
                assert event["method"] == placed["payment_method"]
        moved = stock[order_id]
        if last == "order.completed":
            assert moved["stock.reserved"] == moved["stock.shipped"] == units
        elif last == "order.cancelled":  # before anything was paid
            assert moved["stock.reserved"] == moved["stock.released"]
            assert not moved["stock.shipped"]


def test_most_orders_complete_and_some_fail(events: list[Event]) -> None:
    kinds = Counter(event[3] for event in events[40_000:])
    placed = kinds["order.placed"]
    assert 0.7 < kinds["order.completed"] / placed < 1
    assert 0.01 < kinds["payment.declined"] / kinds["payment.requested"] < 0.10
    assert 0.001 < kinds["stock.rejected"] / kinds["stock.reserved"] < 0.05
    assert kinds["stock.received"] > 0


def test_a_campaign_order_begins_with_a_contact_and_the_campaign_is_known(
    parsed: list[tuple[str, str, dict[str, Any]]],
) -> None:
    touched = set()
    with_campaign = 0
    for topic, _, event in parsed:
        if event["event_type"] in ("ad.click", "email.opened"):
            touched.add((event["customer_id"], event["campaign_id"]))
        elif topic == "orders" and event.get("campaign_id"):
            assert (event["customer_id"], event["campaign_id"]) in touched
            with_campaign += event["event_type"] == "order.placed"
    assert with_campaign > 300


@pytest.mark.parametrize("rate", [20.0, 200.0, 4_000.0, 20_000.0])
def test_the_total_follows_the_rate_at_every_moment(rate: float) -> None:
    shop = Shop(1, START, rate)
    for _second in range(2):
        made = sum(len(shop.tick()) for _ in range(100))
        assert abs(made - rate) <= max(12, rate * 0.02)


def test_customers_and_products_have_a_long_tail(parsed: list[tuple[str, str, dict[str, Any]]]) -> None:
    units: Counter[str] = Counter()
    for topic, _, event in parsed:
        if topic == "orders" and event["event_type"] == "order.placed":
            units.update({line["sku"]: line["quantity"] for line in event["items"]})
    ranked = sorted(units.values(), reverse=True)
    assert sum(ranked[:60]) > 0.4 * sum(ranked)
    assert len(ranked) > 400


def test_demand_follows_a_daily_rhythm() -> None:
    day = [rhythm(hour / 4) for hour in range(96)]
    assert abs(sum(day) / 96 - 1) < 0.01
    assert min(day) > 0.3
    assert max(day) > 1.35
    assert 18 <= day.index(max(day)) / 4 <= 21


def test_campaigns_raise_demand() -> None:
    world = World(Random(1), 1_000, 0)
    every_minute = [world.conditions(minute) for minute in range(1_440)]
    assert len({conditions.ads for conditions in every_minute}) > 20
    same_hour = [conditions for conditions in every_minute[600:660]]
    busiest = max(same_hour, key=lambda conditions: len(conditions.all))
    quietest = min(same_hour, key=lambda conditions: len(conditions.all))
    assert busiest.order_share > quietest.order_share


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 1.0])
def test_the_invalid_share_is_as_configured(share: float) -> None:
    events = story(10_000, invalid=share)
    assert abs(sum(not event[3] for event in events) / 10_000 - share) < 0.003


@pytest.mark.parametrize("share", [0.02, 0.3, 1.0])
def test_the_late_share_is_near_the_configured_one_and_its_events_are_late(share: float) -> None:
    shop = Shop(1, START, 2_000.0, late=share)
    late = total = 0
    for _ in range(3_000):
        now = shop.now
        for event in shop.tick():
            total += 1
            late += event[8]
            behind = now - event[4]
            assert 29_000 < behind < 601_000 if event[8] else behind <= 0
    assert late / total == pytest.approx(share, abs=0.01 + share * 0.1)


@pytest.mark.parametrize("skew", [0.0, 0.3, 0.8])
def test_skew_sends_its_share_to_one_customer_and_one_product(skew: float) -> None:
    keys: dict[str, Counter[str]] = defaultdict(Counter)
    for topic, key, *_ in story(40_000, skew=skew)[20_000:]:
        keys[topic][key] += 1
    top = keys["marketing"].most_common(1)[0][1] / keys["marketing"].total()
    assert top == pytest.approx(skew, abs=0.05)
    # Orders of the hot product have one line instead of nearly two.
    top = keys["inventory"].most_common(1)[0][1] / keys["inventory"].total()
    assert skew * 0.5 <= top <= skew + 0.08


def test_a_skip_of_the_clock_loses_no_timer() -> None:
    shop = Shop(1, START, 2_000.0)
    before = Counter(event[3] for _ in range(500) for event in shop.tick())
    shop.skip_to(shop.now + 60_000)
    after = Counter(event[3] for _ in range(1_500) for event in shop.tick())
    assert shop.now == START + 80_000
    assert before["order.completed"] + after["order.completed"] > 0.8 * before["order.placed"]
