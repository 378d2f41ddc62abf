"""What campaigns cost and brought, against figures computed by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.streamgauge.warehouse.commerce import Commerce

DAY = datetime(2026, 3, 1, tzinfo=UTC)
NOON = DAY + timedelta(hours=12)


@pytest.fixture
def shop(tmp_path: Path) -> Commerce:
    """Two days: an ad with three orders, one of them moved away by a late click, and an e-mail without a cost."""
    shop = Commerce(tmp_path)
    for number in range(10):
        marketing(shop, "ad.impression", NOON + timedelta(seconds=number), "ad", 2)
    for number in range(4):
        marketing(shop, "ad.click", NOON + timedelta(minutes=number), "ad", 45)
    marketing(shop, "email.sent", NOON, "mail", 0)
    marketing(shop, "email.opened", NOON, "mail", 0)
    marketing(shop, "ad.click", NOON + timedelta(days=1), "ad", 50)
    shop.publish(
        "campaign.updated",
        DAY,
        campaign_id="ad",
        name="An ad",
        channel="search",
        category="toys",
        starts_at=DAY,
    )
    credited(shop, "O1", 1_000, "new", 400)
    credited(shop, "O2", 3_000, "returning", 600)
    credited(shop, "O3", 7_000, "new", None)
    credited(shop, "O3", 7_000, "new", None, kind="reversed")
    credited(shop, "O3", 7_000, "new", None, campaign="mail")
    return shop


def marketing(shop: Commerce, kind: str, at: datetime, campaign: str, cost: int) -> None:
    channel = "email" if campaign == "mail" else "search"
    shop.publish(kind, at, campaign_id=campaign, channel=channel, customer_id="C", cost_cents=cost)


def credited(
    shop: Commerce,
    order: str,
    amount: int,
    segment: str,
    margin: int | None,
    campaign: str = "ad",
    kind: str = "credited",
) -> None:
    at = NOON + timedelta(seconds=5)
    fields: dict[str, Any] = {"customer_id": "C", "amount_cents": amount, "clicked_at": NOON, "segment": segment}
    channel = "email" if campaign == "mail" else "search"
    shop.publish(
        f"attribution.{kind}", at, order_id=order, campaign_id=campaign, channel=channel, margin_cents=margin, **fields
    )


def test_returns_by_day(shop: Commerce) -> None:
    columns = "impressions, clicks, orders, revenue_cents, margin_cents, cost_cents"
    asked = f"SELECT day::VARCHAR, campaign, {columns}, conversion, return_on_spend, profit_cents FROM campaign_returns"
    assert shop.select(f"{asked} ORDER BY campaign_id, day") == [
        ("2026-03-01", "An ad", 10, 4, 2, 4_000, 1_000, 200, 0.5, 20.0, 800),
        ("2026-03-02", "An ad", 0, 1, 0, 0, 0, 50, 0.0, 0.0, -50),
        # It cost nothing: there is no return on spend. Its name is not known, nor what the order's goods cost.
        ("2026-03-01", None, 0, 1, 1, 7_000, 0, 0, 1.0, None, 0),
    ]


def test_windows_give_any_time_range(shop: Commerce) -> None:
    asked = (
        "SELECT sum(clicks), sum(orders), sum(cost_cents) FROM campaign_windows"
        f" WHERE campaign_id = 'ad' AND window_start >= '{NOON}' AND window_start < '{NOON + timedelta(minutes=2)}'"
    )
    assert shop.select(asked) == [(2, 2, 20 + 90)]


def test_segments(shop: Commerce) -> None:
    asked = "SELECT campaign_id, segment, orders, revenue_cents, cents_per_order, share_of_orders FROM segment_returns"
    assert shop.select(f"{asked} ORDER BY 1, 2") == [
        ("ad", "new", 1, 1_000, 1_000.0, 0.5),
        ("ad", "returning", 1, 3_000, 3_000.0, 0.5),
        ("mail", "new", 1, 7_000, 7_000.0, 1.0),
    ]
