"""The Overview in a real browser: figures compared with the ledger, and every state."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from streamgauge.domain import format
from tests.browser.pages import tile, tile_value
from tests.browser.pipeline import Pipeline
from tests.support.waiting import wait_until

pytestmark = pytest.mark.browser


def test_before_the_first_event_the_page_names_the_command(empty_text: str) -> None:
    assert "No events yet" in empty_text
    assert "streamgauge generate --rate 200" in empty_text


def test_figures_match_the_ledger(page: Page, pipeline: Pipeline, ledger: dict[str, Any]) -> None:
    # The longest range, for events that the generator made late.
    page.goto(f"{pipeline.url}/overview?range=7d")
    rows = ledger["tables"]["order_windows"]
    orders, cents = (sum(row[name] for row in rows) for name in ("orders", "revenue_cents"))
    # Other tests publish new prices.
    expect(tile(page, "Events/s")).to_contain_text(f"{ledger['produced'] + pipeline.repriced:,} in 7 d")
    expect(tile(page, "Orders/min")).to_contain_text(f"{orders:,} in 7 d")
    expect(tile(page, "Revenue")).to_contain_text(format.money(cents))
    expect(tile_value(page, "Failures")).to_have_text(f"{ledger['invalid']:,}")


@pytest.mark.parametrize("dimension", ["region", "channel"])
def test_rankings_match_the_ledger(page: Page, pipeline: Pipeline, ledger: dict[str, Any], dimension: str) -> None:
    page.goto(f"{pipeline.url}/?range=7d")
    cents: Counter[str] = Counter()
    orders: Counter[str] = Counter()
    for row in ledger["tables"]["order_windows"]:
        cents[row[dimension]] += row["revenue_cents"]
        orders[row[dimension]] += row["orders"]
    for name, revenue in cents.most_common(4):
        expect(page.get_by_text(f"{format.money(revenue)} · {orders[name]:,}", exact=True)).to_be_visible()
        expect(page.locator(".ytick").get_by_text(name, exact=True)).to_be_visible()


def test_the_chart_has_every_stream_and_marks_the_running_window(
    page: Page, pipeline: Pipeline, ledger: dict[str, Any]
) -> None:
    page.goto(f"{pipeline.url}/?range=1h")
    legend = page.locator(".legend").first
    for stream in ledger["streams"]:
        expect(legend.get_by_text(stream, exact=True)).to_be_visible()
    expect(page.get_by_text("running window")).to_be_visible()


def test_new_events_appear_without_a_reload(page: Page, pipeline: Pipeline, ledger: dict[str, Any]) -> None:
    page.goto(f"{pipeline.url}/?range=7d")
    shown = tile(page, "Events/s")
    before = pipeline.events()
    expect(shown).to_contain_text(f"{before:,} in 7 d")
    page.evaluate("window.not_reloaded = true")
    # Of a stream that no other test compares with the ledger.
    after = before + pipeline.reprice(300)
    wait_until(lambda: pipeline.events() == after, f"{after:,} events")
    expect(shown).to_contain_text(f"{after:,} in 7 d")
    expect(page.get_by_text("Data up to")).to_be_visible()
    assert page.evaluate("window.not_reloaded") is True


def test_stale_data_is_reported(page: Page, pipeline: Pipeline, ledger: dict[str, Any]) -> None:
    page.goto(pipeline.url)
    expect(page.get_by_text("No new events")).to_be_visible()


def test_the_range_is_kept_in_the_address(page: Page, pipeline: Pipeline, ledger: dict[str, Any]) -> None:
    page.goto(pipeline.url)
    expect(tile(page, "Events/s")).to_contain_text("in 15 min")
    page.get_by_role("radio", name="6 h").or_(page.get_by_role("button", name="6 h")).click()
    expect(tile(page, "Events/s")).to_contain_text("in 6 h")
    expect(page).to_have_url(re.compile("range=6h"))
    page.reload()
    expect(tile(page, "Events/s")).to_contain_text("in 6 h")


def test_an_outage_of_the_warehouse_is_reported_and_recovered_from(
    page: Page, pipeline: Pipeline, ledger: dict[str, Any]
) -> None:
    page.goto(f"{pipeline.url}/?range=7d")
    expect(tile(page, "Events/s")).to_be_visible()
    assert pipeline.stop("warehouse") == 0
    try:
        alert = page.get_by_test_id("stAlert")
        expect(alert).to_contain_text("The warehouse does not answer")
        expect(alert).to_contain_text(f"http://127.0.0.1:{pipeline.sql_port}")
        expect(tile(page, "Events/s")).to_be_hidden()
    finally:
        pipeline.start("warehouse")
    expect(tile(page, "Events/s")).to_contain_text("in 7 d")
    expect(page.get_by_test_id("stAlert")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [420, 1440])
def test_nothing_scrolls_sideways_and_no_figure_is_cut(
    browser: Browser, pipeline: Pipeline, ledger: dict[str, Any], width: int, scheme: Any
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{pipeline.url}/?range=7d")
    expect(page.get_by_test_id("chart").locator(".point").first).to_be_attached()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    cut = page.get_by_test_id("stMetricValue").evaluate_all(
        "all => all.filter(value => value.scrollWidth > value.clientWidth).map(value => value.innerText)"
    )
    assert cut == []
    context.close()


def test_the_page_requests_no_other_host(page: Page, pipeline: Pipeline, ledger: dict[str, Any]) -> None:
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.goto(pipeline.url)
    expect(page.get_by_test_id("chart").locator(".point").first).to_be_attached()
    assert [url for url in requested if not url.startswith((pipeline.url, "data:", "blob:"))] == []
