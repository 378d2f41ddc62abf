"""Events in a real browser: a search compared with the ledger, one event in full, and the story of an order."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, Position, expect

from tests.browser.pages import tile_value
from tests.browser.pipeline import Pipeline, Shop

pytestmark = pytest.mark.browser

# The first row of a table, to the right of its check box.
FIRST_ROW: Position = {"x": 12, "y": 52}


def test_a_search_and_one_event_opened(page: Page, pipeline: Pipeline, ledger: dict[str, Any]) -> None:
    rows = ledger["tables"]["order_windows"]
    placed = sum(row["orders"] for row in rows)
    every = sum(row[name] for row in rows for name in ("orders", "confirmed", "cancelled", "completed"))
    page.goto(f"{pipeline.url}/events?range=7d&stream=orders&refresh=off")
    expect(page.get_by_text(f"{every:,} in 7 d, by when they happened")).to_be_visible()
    page.goto(f"{pipeline.url}/events?range=7d&type=order.placed&refresh=off")
    expect(page.get_by_text(f"{placed:,} in 7 d, by when they happened")).to_be_visible()
    expect(page.get_by_text("There are more.")).to_be_visible()
    # The scroll area covers the canvas and receives the clicks.
    page.locator(".stDataFrameGlideDataEditor").first.click(position=FIRST_ROW)
    expect(page.get_by_role("heading", name="The event")).to_be_visible()
    expect(page.get_by_test_id("stCode")).to_contain_text('"event_type": "order.placed"')
    expect(page).to_have_url(re.compile(r"open=orders%2F\d+%2F\d+%2F\d+"))
    expect(page.get_by_text("The list is held while an event is open")).to_be_visible()
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("heading", name="The event")).to_be_hidden()
    expect(page).not_to_have_url(re.compile("open="))


def test_the_list_is_held_under_the_pointer(page: Page, pipeline: Pipeline, ledger: dict[str, Any]) -> None:
    """So that no newer event moves under a click."""
    page.goto(f"{pipeline.url}/events?range=7d&stream=products")
    listed = page.get_by_text("newest events, within")
    expect(listed).to_be_visible()
    page.locator(".stDataFrameGlideDataEditor").first.hover(position=FIRST_ROW)
    expect(page.get_by_text("The list is held while the pointer is over it")).to_be_visible()
    expect(listed).to_be_hidden()
    # Some refreshes pass.
    page.wait_for_timeout(5_000)
    page.mouse.move(1, 1)
    expect(listed).to_be_visible()


def test_a_click_right_after_the_list_is_not_lost(page: Page, pipeline: Pipeline, ledger: dict[str, Any]) -> None:
    """Streamlit sends what changed within a moment as one, and the list's part of the page would be all that runs."""
    page.goto(f"{pipeline.url}/events?range=7d&stream=products")
    page.locator(".stDataFrameGlideDataEditor").first.hover(position=FIRST_ROW)
    expect(page.get_by_text("The list is held while the pointer is over it")).to_be_visible()
    page.get_by_role("radio", name="24 h", exact=True).click()
    expect(page).to_have_url(re.compile("range=24h"))
    expect(page.get_by_text("newest events, within")).to_be_visible()


def test_the_story_of_an_order_has_all_its_events(page: Page, shop: Shop) -> None:
    order = next(order for order, totals in shop.services_ledger["orders"].items() if totals["refunded_cents"])
    tables = ("order", "inventory", "marketing", "payment", "shipment", "fulfilment", "fraud", "attribution")
    counted = " + ".join(f"(SELECT count(*) FROM {name}_events WHERE order_id = '{order}')" for name in tables)
    page.goto(f"{shop.url}/events?order={order}")
    expect(tile_value(page, "Events").first).to_have_text(str(shop.figure(f"SELECT {counted}")))
    expect(tile_value(page, "Dead letters")).to_have_text("0")
    expect(page.locator(".ytick").get_by_text("fulfilment", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Its saga")).to_have_attribute("href", f"/fulfilment?range=15m&order={order}")
