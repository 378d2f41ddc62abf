"""Marketing in a real browser: the ledger's figures; what nobody credited is not known."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from streamgauge.domain import format
from tests.browser.pipeline import Pipeline, Shop
from tests.browser.test_orders import shows, totals

pytestmark = pytest.mark.browser


def test_figures_are_the_ledgers(page: Page, pipeline: Pipeline, ledger: dict[str, Any]) -> None:
    page.goto(f"{pipeline.url}/marketing?range=7d")
    sums = totals(ledger, "marketing_windows")
    shows(page, "Spend", format.money(sums["cost_cents"]))
    shows(page, "Reached", format.count(sums["impressions"] + sums["emails_sent"]))
    shows(page, "Clicks", format.count(sums["clicks"] + sums["emails_opened"]))
    shows(page, "Orders credited", format.UNKNOWN)


def test_credited_orders_are_those_of_the_events(page: Page, shop: Shop) -> None:
    page.goto(f"{shop.url}/marketing?range=1h")
    one = "CASE event_type WHEN 'attribution.credited' THEN 1 ELSE -1 END"
    shows(page, "Orders credited", format.count(shop.figure(f"SELECT sum({one}) FROM attribution_events")))
    cents = shop.figure(f"SELECT sum(amount_cents * {one}) FROM attribution_events")
    shows(page, "Revenue credited", format.money(cents))
    shows(page, "Spend", format.money(totals(shop.ledger, "marketing_windows")["cost_cents"]))
