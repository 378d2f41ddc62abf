"""Working with time in a real browser: drag to zoom, links that reproduce a view, pause, the reader's clock."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from dashboard.data.view_state import moment
from tests.browser.pages import asked, plotted
from tests.browser.pipeline import Pipeline

pytestmark = pytest.mark.browser


def metric(page: Page, name: str) -> Any:
    return page.get_by_test_id("stMetric").filter(has_text=name)


def test_dragging_over_a_chart_shows_that_range_and_the_link_reproduces_it(
    page: Page, pipeline: Pipeline, ledger: dict[str, Any]
) -> None:
    page.goto(f"{pipeline.url}/?range=1h")
    box, _ = plotted(page)
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.5, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, middle, steps=5)
    page.mouse.move(box["x"] + box["width"] - 1, middle, steps=5)
    page.mouse.up()
    page.wait_for_url(re.compile("from=.*&to="))
    since, until = moment(asked(page)["from"]), moment(asked(page)["to"])
    assert since is not None
    assert until is not None
    # Half of an hour, and the traffic was at its end.
    assert 25 * 60 <= (until - since).total_seconds() <= 35 * 60
    shown = metric(page, "Events/s")
    expect(shown).to_contain_text("in the range")
    page.reload()
    expect(metric(page, "Events/s")).to_contain_text("in the range")
    assert moment(asked(page)["from"]) == since


def test_the_incident_link_shows_the_same_figures_and_the_summary_has_them(
    page: Page, pipeline: Pipeline, ledger: dict[str, Any], tmp_path: Path
) -> None:
    page.goto(f"{pipeline.url}/?range=7d")
    value = metric(page, "Revenue").get_by_test_id("stMetricValue")
    expect(value).to_contain_text("€")
    revenue = value.inner_text()
    page.get_by_role("button", name="Incident").click()
    dialog = page.get_by_role("dialog")
    link = dialog.locator("code").first.inner_text()
    with page.expect_download() as download:
        dialog.get_by_role("button", name="Download summary").click()
    download.value.save_as(tmp_path / "summary.md")
    summary = (tmp_path / "summary.md").read_text()
    assert f"| Revenue | {revenue} |" in summary
    assert link in summary
    assert "FROM order_windows" in summary
    page.goto(link)
    expect(metric(page, "Revenue").get_by_test_id("stMetricValue")).to_have_text(revenue)
    expect(page.get_by_role("button", name="Resume")).to_be_visible()


def test_the_keyboard_reaches_everything_and_shows_where_it_is(
    page: Page, pipeline: Pipeline, ledger: dict[str, Any]
) -> None:
    # Paused: a refresh in between would not lose the focus, but may draw more of what comes after it.
    page.goto(f"{pipeline.url}/?range=7d&refresh=off")
    expect(page.locator(".js-plotly-plot")).to_have_count(3)
    reached = set[str]()
    for _ in range(60):
        page.keyboard.press("Tab")
        names, shown = page.evaluate(
            "() => { const e = document.activeElement, s = getComputedStyle(e);"
            # The page's main part and the page itself can have the focus, and are nothing to press.
            " if (['MAIN', 'BODY'].includes(e.tagName)) return [[], true];"
            " return [[e.ariaLabel || '', ...e.innerText.split('\\n')],"
            " s.outlineStyle !== 'none' || s.boxShadow !== 'none'] }"
        )
        assert shown, names
        reached |= {name.strip() for name in names}
    # A group of choices is one stop; its arrow keys do the rest.
    wanted = {"Orders and revenue", "SQL", "5 min", "Resume", "View", "Incident", "Help for Revenue", "By stream"}
    assert wanted <= reached, sorted(reached)


def test_times_are_of_the_readers_clock(browser: Browser, pipeline: Pipeline, ledger: dict[str, Any]) -> None:
    context = browser.new_context(timezone_id="Asia/Kathmandu")
    page = context.new_page()
    newest = r"Data up to (?:\d{4}-\d\d-\d\d )?\d\d:(\d\d):\d\d"
    minutes = []
    for zone in ("utc", "local"):
        page.goto(f"{pipeline.url}/?range=7d&zone={zone}")
        said = page.get_by_text("Data up to")
        expect(said).to_be_visible()
        found = re.search(newest, said.inner_text())
        assert found is not None
        minutes.append(int(found[1]))
    assert (minutes[1] - minutes[0]) % 60 == 45
    context.close()
