"""Fulfilment in a real browser: ended orders compared with the services, and the saga of one order."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import tile, tile_value
from tests.browser.pipeline import Shop

pytestmark = pytest.mark.browser


def test_ended_orders_match_the_services(page: Page, shop: Shop) -> None:
    page.goto(f"{shop.url}/fulfilment?range=1h")
    orders = sum(row["orders"] for row in shop.ledger["tables"]["order_windows"])
    # An order whose stock was shipped was delivered; the others leave no residue.
    delivered = sum(1 for totals in shop.services_ledger["orders"].values() if totals["shipped"])
    expect(tile_value(page, "Delivered")).to_have_text(f"{delivered:,}")
    expect(tile(page, "Compensated")).to_contain_text(f"{orders - delivered:,} of {orders:,} ended")
    expect(tile_value(page, "In progress now")).to_have_text("0")
    expect(tile_value(page, "Residue now")).to_have_text("€0.00")
    expect(page.get_by_text("None: every order moves on in time.")).to_be_visible()


def test_one_order(page: Page, shop: Shop) -> None:
    order = next(order for order, totals in shop.services_ledger["orders"].items() if totals["refunded_cents"])
    page.goto(f"{shop.url}/fulfilment?order={order}")
    expect(page.get_by_text(f"{order}: compensated", exact=True)).to_be_visible()
    expect(page.locator(".ytick").get_by_text("refunding_payment", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Every event")).to_have_attribute("href", f"/events?range=15m&order={order}")
