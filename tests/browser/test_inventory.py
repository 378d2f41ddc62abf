"""Inventory in a real browser: the ledger's figures, and stock as SQL has it."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from streamgauge.domain import format
from tests.browser.pipeline import Pipeline
from tests.browser.test_orders import shows, totals

pytestmark = pytest.mark.browser


def test_figures_are_the_ledgers(page: Page, pipeline: Pipeline, ledger: dict[str, Any]) -> None:
    page.goto(f"{pipeline.url}/inventory?range=7d")
    sums = totals(ledger, "inventory_windows")
    for name, said in (("reserved", "Reserved"), ("shipped", "Shipped"), ("received", "Received")):
        shows(page, f"{said} in range", format.count(sums[name]))
    out = pipeline.figure("SELECT count(*) FROM stock_levels WHERE status = 'out'")
    shows(page, "Out of stock", format.count(out))
    expect(page.get_by_text("No campaign is running.")).to_be_visible()
