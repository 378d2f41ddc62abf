"""Fulfilment in a real browser: how orders ended by the word of the services, and one order's saga."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pipeline import Shop
from tests.browser.test_payments import tile

pytestmark = pytest.mark.browser


def test_orders_end_as_the_services_say(page: Page, shop: Shop) -> None:
    page.goto(f"{shop.url}/fulfilment?range=1h")
    orders = sum(row["orders"] for row in shop.ledger["tables"]["order_windows"])
    # What was written off was delivered; nothing is left of the others.
    delivered = sum(1 for moved in shop.moved["orders"].values() if moved["shipped"])
    value = "stMetricValue"
    expect(tile(page, "Delivered").get_by_test_id(value)).to_have_text(f"{delivered:,}")
    expect(tile(page, "Compensated")).to_contain_text(f"{orders - delivered:,} of {orders:,} ended")
    expect(tile(page, "In progress now").get_by_test_id(value)).to_have_text("0")
    expect(tile(page, "Residue now").get_by_test_id(value)).to_have_text("€0.00")
    expect(page.get_by_text("None: every order moves on in time.")).to_be_visible()


def test_one_order(page: Page, shop: Shop) -> None:
    order = next(order for order, moved in shop.moved["orders"].items() if moved["refunded_cents"])
    page.goto(f"{shop.url}/fulfilment?order={order}")
    expect(page.get_by_text(f"{order}: compensated", exact=True)).to_be_visible()
    expect(page.locator(".ytick").get_by_text("refunding_payment", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Every event")).to_have_attribute("href", f"/events?range=15m&order={order}")
