"""Orders and revenue in a real browser: figures compared with the ledger, of all regions and of one."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from streamgauge.domain import format
from tests.browser.pages import expect_value, ledger_totals
from tests.browser.pipeline import Pipeline

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("region", ["", "eu-central"])
def test_figures_match_the_ledger(page: Page, pipeline: Pipeline, ledger: dict[str, Any], region: str) -> None:
    page.goto(f"{pipeline.url}/orders?range=7d&region={region}&by=channel")
    sums = ledger_totals(ledger, "order_windows", **({"region": region} if region else {}))
    orders, cents = sums["orders"], sums["revenue_cents"]
    expect_value(page, "Orders", format.count(orders))
    expect_value(page, "Revenue", format.money(cents))
    expect_value(page, "Order value", format.money(format.mean_cents(cents, orders)))
    expect_value(page, "Units", format.count(sums["units"]))
    for outcome in ("confirmed", "cancelled", "completed"):
        expect_value(page, outcome.capitalize(), format.share(sums[outcome], orders))
    expect(page.get_by_text("Revenue by channel")).to_be_visible()
