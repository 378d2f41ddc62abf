"""Marketing in a real browser: figures compared with the ledger; credits compared with the events."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from streamgauge.domain import format
from tests.browser.pages import expect_value, ledger_totals
from tests.browser.pipeline import Pipeline, Shop

pytestmark = pytest.mark.browser


def test_figures_match_the_ledger(page: Page, pipeline: Pipeline, ledger: dict[str, Any]) -> None:
    page.goto(f"{pipeline.url}/marketing?range=7d")
    sums = ledger_totals(ledger, "marketing_windows")
    expect_value(page, "Spend", format.money(sums["cost_cents"]))
    expect_value(page, "Reached", format.count(sums["impressions"] + sums["emails_sent"]))
    expect_value(page, "Clicks", format.count(sums["clicks"] + sums["emails_opened"]))
    expect_value(page, "Orders credited", format.UNKNOWN)


def test_credits_match_the_events(page: Page, shop: Shop) -> None:
    page.goto(f"{shop.url}/marketing?range=1h")
    sign = "CASE event_type WHEN 'attribution.credited' THEN 1 ELSE -1 END"
    expect_value(page, "Orders credited", format.count(shop.figure(f"SELECT sum({sign}) FROM attribution_events")))
    cents = shop.figure(f"SELECT sum(amount_cents * {sign}) FROM attribution_events")
    expect_value(page, "Revenue credited", format.money(cents))
    expect_value(page, "Spend", format.money(ledger_totals(shop.ledger, "marketing_windows")["cost_cents"]))
