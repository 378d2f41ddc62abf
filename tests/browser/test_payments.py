"""Payments and fraud in a real browser: figures compared with the ledgers of the generator and the services."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from streamgauge.domain import format
from tests.browser.pages import tile
from tests.browser.pipeline import Pipeline, Shop

pytestmark = pytest.mark.browser


def test_figures_match_the_ledger(page: Page, pipeline: Pipeline, ledger: dict[str, Any]) -> None:
    # The longest range, for events that the generator made late.
    page.goto(f"{pipeline.url}/payments?range=7d")
    rows = ledger["tables"]["payment_windows"]
    total = {name: sum(row[name] for row in rows) for name in ("requested", "declined", "authorised", "refunded_cents")}
    answered = total["authorised"] + total["declined"]
    expect(tile(page, "Requested")).to_contain_text(f"{total['requested']:,}")
    expect(tile(page, "Declined share")).to_contain_text(f"{total['declined']:,} of {answered:,} answered")
    expect(tile(page, "Refunded")).to_contain_text(format.money(total["refunded_cents"]))
    wallet = sum(row["requested"] for row in rows if row["method"] == "wallet")
    page.goto(f"{pipeline.url}/payments?range=7d&method=wallet")
    expect(tile(page, "Requested")).to_contain_text(f"{wallet:,}")


def test_money_matches_the_services(page: Page, shop: Shop) -> None:
    page.goto(f"{shop.url}/payments?range=1h")
    totals = shop.services_ledger["totals"]
    expect(tile(page, "Authorised")).to_contain_text(format.money(totals["authorised_cents"]))
    expect(tile(page, "Refunded")).to_contain_text(format.money(totals["refunded_cents"]))
    orders = sum(row["orders"] for row in shop.ledger["tables"]["order_windows"])
    judged = shop.figure("SELECT count(DISTINCT order_id) FROM payment_events WHERE event_type = 'payment.requested'")
    assert 0 < judged <= orders
    expect(tile(page, "Declined by fraud")).to_contain_text(f"of {judged:,} judged")
