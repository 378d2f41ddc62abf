"""Orders and revenue in a real browser: the ledger's figures, all of them and of one region."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from streamgauge.domain import format
from tests.browser.pipeline import Pipeline

pytestmark = pytest.mark.browser


def shows(page: Page, label: str, value: str) -> None:
    """The tile of that label has the value."""
    tile = page.get_by_test_id("stMetric").filter(has=page.get_by_text(label, exact=True))
    expect(tile.get_by_test_id("stMetricValue")).to_have_text(value)


def totals(ledger: dict[str, Any], table: str, **where: str) -> Counter[str]:
    """Sums of the ledger's windows."""
    sums: Counter[str] = Counter()
    for row in ledger["tables"][table]:
        if all(row[name] == value for name, value in where.items()):
            sums.update({name: value for name, value in row.items() if isinstance(value, int)})
    return sums


@pytest.mark.parametrize("region", ["", "eu-central"])
def test_figures_are_the_ledgers(page: Page, pipeline: Pipeline, ledger: dict[str, Any], region: str) -> None:
    page.goto(f"{pipeline.url}/orders?range=7d&region={region}&by=channel")
    sums = totals(ledger, "order_windows", **({"region": region} if region else {}))
    orders, cents = sums["orders"], sums["revenue_cents"]
    shows(page, "Orders", format.count(orders))
    shows(page, "Revenue", format.money(cents))
    shows(page, "Order value", format.money(format.mean_cents(cents, orders)))
    shows(page, "Units", format.count(sums["units"]))
    for outcome in ("confirmed", "cancelled", "completed"):
        shows(page, outcome.capitalize(), format.share(sums[outcome], orders))
    expect(page.get_by_text("Revenue by channel")).to_be_visible()
