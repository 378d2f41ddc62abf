"""The page SQL in a real browser: typed and run, charted, downloaded, shared as a link, cancelled."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.pipeline import Pipeline

pytestmark = pytest.mark.browser

REVENUE = (
    "SELECT region, sum(orders)::BIGINT AS orders, sum(revenue_cents)::BIGINT AS cents\nFROM order_windows GROUP BY 1"
)
RUNAWAY = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range % 7 = b.range % 11"


def test_a_statement_is_run_downloaded_and_shared(
    page: Page, browser: Browser, pipeline: Pipeline, ledger: dict[str, Any]
) -> None:
    page.goto(f"{pipeline.url}/sql")
    box = page.get_by_role("textbox", name="SQL", exact=True)
    box.fill(f"{REVENUE} ORDER BY cents DESC")
    box.press("Control+Enter")
    regions: dict[str, list[int]] = {}
    for row in ledger["tables"]["order_windows"]:
        sums = regions.setdefault(row["region"], [0, 0])
        sums[0] += row["orders"]
        sums[1] += row["revenue_cents"]
    # The history below has it, too.
    expect(page.get_by_text(f"{len(regions)} rows · 3 columns").first).to_be_visible()
    with page.expect_download() as download:
        page.get_by_test_id("stDownloadButton").filter(has_text="CSV", has_not_text="Raw").click()
    lines = Path(download.value.path()).read_text().splitlines()
    expected = sorted(regions.items(), key=lambda item: -item[1][1])
    assert lines == ['"region","orders","cents"', *(f'"{name}",{sums[0]},{sums[1]}' for name, sums in expected)]
    # The link shows the same to another reader.
    second = browser.new_page()
    second.goto(page.url)
    expect(second.get_by_role("textbox", name="SQL", exact=True)).to_have_value(f"{REVENUE} ORDER BY cents DESC")
    second.get_by_role("tab", name="Chart").click()
    expect(second.get_by_test_id("chart").locator(".point").first).to_be_visible()
    second.close()


def test_a_runaway_query_is_cancelled_and_an_error_is_marked(
    page: Page, pipeline: Pipeline, ledger: dict[str, Any]
) -> None:
    page.goto(f"{pipeline.url}/sql?q={quote(RUNAWAY)}")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Cancelled after")).to_be_visible()
    box = page.get_by_role("textbox", name="SQL", exact=True)
    box.fill("SELECT region,\n  revenu\nFROM order_windows")
    box.press("Control+Enter")
    expect(page.get_by_text("DuckDB cannot run this, line 2")).to_be_visible()
    expect(page.get_by_text("2 │   revenu")).to_be_visible()
