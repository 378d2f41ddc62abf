"""Charts in a real browser: updated in place, while the reader works with them; on a slow machine; in a hidden tab."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from dashboard.data.view_state import moment
from tests.browser.pages import drawn_charts, plot_area, query_params
from tests.browser.pipeline import Pipeline

pytestmark = pytest.mark.browser
SLOW, IN_TIME_MS = 6, 10_000.0

# In every frame: whether the first chart is still the same element, and has its bars.
WATCH = """() => {
    const first = document.querySelector("[data-testid=chart]"), counts = window.counts = {frames: 0, wrong: 0};
    const watch = () => {
        counts.frames++;
        const chart = document.querySelector("[data-testid=chart]");
        if (chart !== first || !chart.checkVisibility() || !chart.querySelector(".point")) counts.wrong++;
        requestAnimationFrame(watch);
    };
    watch();
}"""


def throttle(page: Page, rate: int) -> None:
    """Make the browser slower by this factor."""
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": rate})


def next_painting(pipeline: Pipeline, chart: Locator, timeout_ms: float | None = None) -> None:
    """Publish events, and wait until the chart is painted again."""
    before = int(chart.get_attribute("data-painted") or 0)
    # Of a stream that no other test compares with the ledger.
    pipeline.reprice(1)
    expect(chart).to_have_attribute("data-painted", re.compile(rf"^(?!{before}$)"), timeout=timeout_ms)


def test_a_chart_is_updated_in_place_and_is_never_blank(page: Page, pipeline: Pipeline, ledger: dict[str, Any]) -> None:
    page.goto(f"{pipeline.url}/?range=7d")
    chart = drawn_charts(page, 3).first
    # Slow enough on any machine that a frame falls between two steps of drawing.
    throttle(page, 4)
    page.evaluate(WATCH)
    for _ in range(3):
        next_painting(pipeline, chart)
    counts = page.evaluate("window.counts")
    assert counts["frames"] > 10
    assert counts["wrong"] == 0


def test_a_hidden_series_and_hover_survive_refreshes(page: Page, pipeline: Pipeline, ledger: dict[str, Any]) -> None:
    page.goto(f"{pipeline.url}/?range=7d")
    chart = drawn_charts(page, 3).first
    orders = chart.locator(".legend .traces").filter(has_text=re.compile("^orders$"))
    orders.locator(".legendtoggle").click()
    hidden = "element => element._fullData.filter(trace => trace.visible === 'legendonly').map(trace => trace.name)"
    page.wait_for_function(f"element => ({hidden})(element).length", arg=chart.element_handle())
    box, _ = plot_area(page)
    page.mouse.move(box["x"] + box["width"] - 4, box["y"] + box["height"] / 2)
    label = chart.locator(".hoverlayer .legend")
    expect(label).to_contain_text("inventory")
    # A click holds the chart for as long as it lasts.
    page.mouse.down()
    page.mouse.up()
    for _ in range(3):
        next_painting(pipeline, chart)
        assert chart.evaluate(hidden) == ["orders"]
        expect(label).to_contain_text("products")
        expect(label).not_to_contain_text("orders")


def test_a_drag_survives_refreshes(browser: Browser, pipeline: Pipeline, ledger: dict[str, Any]) -> None:
    """The range is that of the chart as drawn, in the reader's time zone. New data waits until the drag has ended."""
    with browser.new_context(viewport={"width": 1440, "height": 1000}, timezone_id="Asia/Tokyo") as context:
        page = context.new_page()
        page.goto(f"{pipeline.url}/?range=1h&zone=local")
        box, chart = plot_area(page)
        middle = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + box["width"] * 0.25, middle)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.5, middle, steps=5)
        # A person takes longer than a refresh.
        painted = chart.get_attribute("data-painted")
        updated = page.get_by_text("Data up to").inner_text()
        pipeline.reprice(1)
        expect(page.get_by_text("Data up to")).not_to_have_text(updated)
        page.mouse.move(box["x"] + box["width"] * 0.75, middle, steps=5)
        band = chart.locator(".zoombox").bounding_box()
        assert chart.get_attribute("data-painted") == painted
        assert band is not None
        page.mouse.up()
        page.wait_for_url(re.compile("from=.*&to="))
        # From three quarters of an hour ago to one; the chart ends with a whole bar, and the drag took some seconds.
        since, until = (moment(query_params(page)[name]) for name in ("from", "to"))
        assert since is not None
        assert until is not None
        now = datetime.now(UTC)
        assert now - since == pytest.approx(timedelta(minutes=45), abs=timedelta(minutes=3))
        assert now - until == pytest.approx(timedelta(minutes=15), abs=timedelta(minutes=3))


@pytest.mark.long
def test_on_a_slow_machine_every_chart_is_drawn_in_time(page: Page, pipeline: Pipeline, ledger: dict[str, Any]) -> None:
    """A browser six times slower than this one: within 10 s of opening a page, and of each change."""
    throttle(page, SLOW)
    page.goto(f"{pipeline.url}/?range=7d", wait_until="commit")
    chart = drawn_charts(page, 3, IN_TIME_MS).first
    for _ in range(2):
        next_painting(pipeline, chart, IN_TIME_MS)
    page.get_by_test_id("stSidebarNavLink").filter(has_text="Inventory").click()
    expect(page.get_by_role("heading", name="Inventory", exact=True)).to_be_visible(timeout=IN_TIME_MS)
    expect(page.locator("[data-testid=chart]:not([data-painted])")).to_have_count(0, timeout=IN_TIME_MS)
    expect(page.locator("[data-testid=chart][data-painted]").first).to_be_attached(timeout=IN_TIME_MS)


def test_a_hidden_tab_takes_nothing_and_shows_the_newest_when_it_is_back(
    page: Page, pipeline: Pipeline, ledger: dict[str, Any]
) -> None:
    page.goto(f"{pipeline.url}/?range=7d")
    chart = drawn_charts(page, 3).first
    total = "element => element._fullData.flatMap(trace => [...trace.y]).reduce((sum, n) => sum + (n || 0), 0)"
    hide = """hidden => {
        Object.defineProperty(document, "hidden", {configurable: true, get: () => hidden});
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(hide, True)
    painted, drawn = chart.get_attribute("data-painted"), chart.evaluate(total)
    for _ in range(2):
        updated = page.get_by_text("Data up to").inner_text()
        pipeline.reprice(1)
        expect(page.get_by_text("Data up to")).not_to_have_text(updated)
    assert (chart.get_attribute("data-painted"), chart.evaluate(total)) == (painted, drawn)
    page.evaluate(hide, False)
    page.wait_for_function(f"([element, drawn]) => ({total})(element) > drawn", arg=[chart.element_handle(), drawn])
