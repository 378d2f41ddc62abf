"""Inventory in a real browser: figures compared with the ledger, and stock with SQL."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from streamgauge.domain import format
from tests.browser.pages import expect_value, ledger_totals
from tests.browser.pipeline import Pipeline

pytestmark = pytest.mark.browser


def test_figures_match_the_ledger(page: Page, pipeline: Pipeline, ledger: dict[str, Any]) -> None:
    page.goto(f"{pipeline.url}/inventory?range=7d")
    sums = ledger_totals(ledger, "inventory_windows")
    for name, label in (("reserved", "Reserved"), ("shipped", "Shipped"), ("received", "Received")):
        expect_value(page, f"{label} in range", format.count(sums[name]))
    out = pipeline.figure("SELECT count(*) FROM stock_levels WHERE status = 'out'")
    expect_value(page, "Out of stock", format.count(out))
    expect(page.get_by_text("No campaign is running.")).to_be_visible()
