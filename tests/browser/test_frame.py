"""The frame in a real browser: drag to zoom, links that reproduce a view, keyboard, time zones."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from dashboard.data.view_state import moment
from tests.browser.pages import begin_drag, drag_to, drawn_charts, query_params, tile, tile_value
from tests.browser.pipeline import Pipeline

pytestmark = pytest.mark.browser


def test_a_drag_over_a_chart_zooms_and_its_link_reproduces_the_range(
    page: Page, pipeline: Pipeline, ledger: dict[str, Any]
) -> None:
    page.goto(f"{pipeline.url}/?range=1h")
    box, _ = begin_drag(page, 0.5, 0.75)
    drag_to(page, box, 1 - 1 / box["width"])
    page.mouse.up()
    page.wait_for_url(re.compile("from=.*&to="))
    since, until = moment(query_params(page)["from"]), moment(query_params(page)["to"])
    assert since is not None
    assert until is not None
    # The right half of an hour, which ends with the traffic.
    assert 25 * 60 <= (until - since).total_seconds() <= 35 * 60
    shown = tile(page, "Events/s")
    expect(shown).to_contain_text("in the range")
    page.reload()
    expect(tile(page, "Events/s")).to_contain_text("in the range")
    assert moment(query_params(page)["from"]) == since


def test_the_incident_link_and_summary_have_the_same_figures(
    page: Page, pipeline: Pipeline, ledger: dict[str, Any], tmp_path: Path
) -> None:
    page.goto(f"{pipeline.url}/?range=7d")
    value = tile_value(page, "Revenue")
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
    expect(tile_value(page, "Revenue")).to_have_text(revenue)
    expect(page.get_by_role("button", name="Resume")).to_be_visible()


def test_every_control_has_keyboard_focus_with_an_outline(
    page: Page, pipeline: Pipeline, ledger: dict[str, Any]
) -> None:
    # Paused: a refresh would keep the focus, but may add elements after it.
    page.goto(f"{pipeline.url}/?range=7d&refresh=off")
    drawn_charts(page, 3)
    reached = set[str]()
    for _ in range(60):
        page.keyboard.press("Tab")
        names, shown = page.evaluate(
            "() => { const e = document.activeElement, s = getComputedStyle(e);"
            # The main part and the body can have the focus but are no controls.
            " if (['MAIN', 'BODY'].includes(e.tagName)) return [[], true];"
            " return [[e.ariaLabel || '', ...e.innerText.split('\\n')],"
            " s.outlineStyle !== 'none' || s.boxShadow !== 'none'] }"
        )
        assert shown, names
        reached |= {name.strip() for name in names}
    # A group of choices is one tab stop; arrow keys move within it.
    wanted = {"Orders and revenue", "SQL", "5 min", "Resume", "View", "Incident", "Help for Revenue", "By stream"}
    assert wanted <= reached, sorted(reached)


def test_times_are_in_the_readers_time_zone(browser: Browser, pipeline: Pipeline, ledger: dict[str, Any]) -> None:
    context = browser.new_context(timezone_id="Asia/Kathmandu")
    page = context.new_page()
    newest = r"Data up to (?:\d{4}-\d\d-\d\d )?\d\d:(\d\d):\d\d"
    minutes = []
    for zone in ("utc", "local"):
        page.goto(f"{pipeline.url}/?range=7d&zone={zone}")
        freshness = page.get_by_text("Data up to")
        expect(freshness).to_be_visible()
        match = re.search(newest, freshness.inner_text())
        assert match is not None
        minutes.append(int(match[1]))
    assert (minutes[1] - minutes[0]) % 60 == 45
    context.close()
