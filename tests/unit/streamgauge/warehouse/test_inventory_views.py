"""Stock and its views against figures computed by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.unit.streamgauge.warehouse.commerce import Commerce

_clock: list[datetime] = []


@pytest.fixture(autouse=True)
def clock() -> datetime:
    """The time of a test: at most ten seconds ago, where a window begins."""
    now = datetime.now(UTC).replace(microsecond=0)
    _clock[:] = [now - timedelta(seconds=now.second % 10)]
    return _clock[0]


def ago(minutes: float) -> datetime:
    return _clock[0] - timedelta(minutes=minutes)


@pytest.fixture
def shop(tmp_path: Path, clock: datetime) -> Commerce:
    """Six reservations of two in the last ten minutes, one given back; an observer since half an hour ago."""
    shop = Commerce(tmp_path)
    stock(shop, "received", 30, 100, 100, 0)
    stock(shop, "reserved", 12, 50, 100, 50)
    stock(shop, "shipped", 11.5, 50, 50, 0)
    for number in range(6):
        stock(shop, "reserved", 9 - number, 2, 50, 2 * number + 2)
    stock(shop, "released", 2, 2, 50, 10)
    return shop


def stock(
    shop: Commerce, kind: str, minutes: float, quantity: int, on_hand: int, reserved: int, place: str = "A berlin"
) -> dict[str, object]:
    sku, location = place.split()
    fields = {"sku": sku, "location": location, "quantity": quantity, "on_hand": on_hand, "reserved": reserved}
    return shop.publish(f"stock.{kind}", ago(minutes), **fields)


def product(shop: Commerce, sku: str, category: str, price: int = 500) -> None:
    shop.publish(
        "product.updated", ago(600), sku=sku, name=f"Thing {sku}", category=category, price_cents=price, cost_cents=300
    )


def campaign(shop: Commerce, name: str, category: str, starts: float, ends: float | None) -> None:
    ends_at = None if ends is None else ago(ends)
    fields = {"name": name.upper(), "channel": "search", "category": category, "starts_at": ago(starts)}
    shop.publish("campaign.updated", ago(600), campaign_id=name, **fields, ends_at=ends_at)


LEVELS = "SELECT available, units_per_minute, minutes_of_cover, status FROM stock_levels WHERE sku = 'A'"


def test_levels_rate_and_cover(shop: Commerce) -> None:
    # The newest event is two minutes old: ten units in the ten minutes before the end of its window.
    assert shop.select(LEVELS) == [(40, 1.0, 40.0, "ok")]
    stock(shop, "shipped", 2, 36, 14, 10)
    assert shop.select(LEVELS) == [(4, 1.0, 4.0, "low")]


def test_a_rate_that_is_0_is_known_and_one_that_is_not_known_is_absent(shop: Commerce, tmp_path: Path) -> None:
    stock(shop, "received", 25, 5, 5, 0, "B berlin")
    assert shop.select("SELECT units_per_minute, minutes_of_cover, status FROM stock_levels WHERE sku = 'B'") == [
        (0.0, None, "ok")
    ]
    young = Commerce(tmp_path / "young")
    stock(young, "received", 0.6, 100, 100, 0)
    stock(young, "reserved", 0.2, 5, 100, 5)
    assert young.select(LEVELS) == [(95, None, None, "ok")]
    silent = Commerce(tmp_path / "silent")
    stock(silent, "received", 300, 100, 100, 0)
    stock(silent, "reserved", 290, 5, 100, 5)
    assert silent.select(LEVELS) == [(95, None, None, "ok")]


def test_known_for_less_than_ten_minutes(tmp_path: Path) -> None:
    shop = Commerce(tmp_path)
    start = ago(6)
    fields = {"sku": "A", "location": "berlin"}
    shop.publish("stock.received", start, **fields, quantity=100, on_hand=100, reserved=0)
    shop.publish(
        "stock.reserved", start + timedelta(minutes=3, seconds=55), **fields, quantity=20, on_hand=100, reserved=20
    )
    assert shop.select(LEVELS) == [(80, 5.0, 16.0, "ok")]


def test_out_oversold_and_what_was_refused(shop: Commerce) -> None:
    product(shop, "A", "toys")
    stock(shop, "reserved", 1, 40, 50, 50)
    stock(shop, "rejected", 0.5, 3, 50, 50)
    stock(shop, "received", 20, 7, 7, 0, "A vienna")
    stock(shop, "reserved", 1, 9, 8, 9, "B berlin")
    columns = "status, available, refused_per_minute, refused_cents_per_minute, available_elsewhere"
    assert shop.select(f"SELECT sku, {columns} FROM stock_outs ORDER BY sku") == [
        ("A", "out", 0, 0.3, 150.0, 7),
        ("B", "oversold", -1, 0.0, None, 0),
    ]
    assert shop.select("FROM stock_status ORDER BY location, status") == [
        ("berlin", "out", 1, 0),
        ("berlin", "oversold", 1, -1),
        ("vienna", "ok", 1, 7),
    ]


def test_the_guard_sees_running_campaigns_alone(shop: Commerce) -> None:
    product(shop, "A", "toys")
    product(shop, "B", "toys")
    product(shop, "C", "books")
    stock(shop, "received", 25, 4, 4, 0, "B berlin")
    stock(shop, "reserved", 3, 20, 21, 20, "B berlin")
    stock(shop, "rejected", 3, 30, 21, 20, "B berlin")
    stock(shop, "received", 25, 4, 4, 0, "C berlin")
    campaign(shop, "fun", "toys", 60, -60)
    campaign(shop, "endless", "books", 60, None)
    campaign(shop, "over", "toys", 60, 5)
    campaign(shop, "soon", "toys", -5, -60)
    # B: twenty units within the last two minutes of what is known, and three refused a minute over ten.
    asked = (
        "SELECT campaign_id, sku, available, units_per_minute, minutes_until_sold_out, wanted_per_minute,"
        " level, round(campaign_minutes_left) FROM surge_guard ORDER BY sku"
    )
    assert shop.select(asked) == [
        ("fun", "A", 40, 1.0, 40.0, 1.0, "ok", 60.0),
        ("fun", "B", 1, 10.0, 0.1, 13.0, "critical", 60.0),
        ("endless", "C", 4, 0.0, None, 0.0, "ok", None),
    ]
    assert shop.select("SELECT * FROM surge_levels ORDER BY level, articles") == [
        ("search", "critical", 1, 13.0),
        ("search", "ok", 2, 1.0),
    ]
    stock(shop, "reserved", 2, 1, 21, 21, "B berlin")
    assert shop.select("SELECT minutes_until_sold_out, level FROM surge_guard WHERE sku = 'B'") == [(0.0, "sold_out")]


def test_times_usual_is_against_the_full_hours_of_the_last_day(shop: Commerce) -> None:
    product(shop, "A", "toys")
    campaign(shop, "fun", "toys", 60, None)
    hour = ago(0).replace(minute=0, second=0)
    fields = {"sku": "A", "location": "berlin", "on_hand": 1_000, "reserved": 0}
    taken = (
        "SELECT coalesce(sum(reserved - released), 0) FROM stock_demand"
        f" WHERE window_start >= '{hour - timedelta(hours=24)}' AND window_start < '{hour}'"
    )
    # What the fixture told falls into the last full hour, into this one, or into both, as the clock has it.
    ((before,),) = shop.select(taken)
    for back, quantity in ((1, 60), (4, 180), (30, 9_999)):
        shop.publish("stock.reserved", hour - timedelta(hours=back, minutes=-30), **fields, quantity=quantity)
    assert shop.select(taken) == [(before + 240,)]
    (rate, times) = shop.select("SELECT units_per_minute, times_usual FROM surge_guard")[0]
    assert times == pytest.approx(rate / ((before + 240) / (24 * 60)))


def test_a_late_event_does_not_turn_the_level_back(shop: Commerce) -> None:
    """The order of publication counts: levels are as of then, whatever time the event is dated."""
    stock(shop, "received", 3 * 60, 10, 60, 10)
    assert shop.select("SELECT on_hand, reserved FROM stock") == [(60, 10)]


def test_an_event_twice_running_changes_nothing(shop: Commerce) -> None:
    shop.republish(stock(shop, "reserved", 1, 5, 50, 15))
    assert shop.select("SELECT on_hand, reserved FROM stock") == [(50, 15)]
    assert shop.select("SELECT count(*) FROM stock_drift") == [(0,)]


def test_an_event_that_comes_again_after_others_is_found_by_the_audit(shop: Commerce) -> None:
    """Until the article's next event, `stock` shows the old level; `stock_drift` says so, and what is right."""
    first = stock(shop, "reserved", 1, 5, 50, 15)
    stock(shop, "reserved", 0.5, 5, 50, 20)
    assert shop.select("FROM stock_drift") == []
    shop.republish(first)
    assert shop.select("SELECT on_hand, reserved FROM stock") == [(50, 15)]
    assert shop.select(
        "SELECT sku, location, on_hand, reserved, on_hand_by_events, reserved_by_events FROM stock_drift"
    ) == [("A", "berlin", 50, 15, 50, 20)]
    stock(shop, "shipped", 0.2, 5, 45, 15)
    assert shop.select("SELECT on_hand, reserved FROM stock") == [(45, 15)]
    assert shop.select("FROM stock_drift") == []
