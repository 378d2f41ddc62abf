"""The pages by path, which is contract, locators of what they show, and the totals of a ledger to compare it with."""

from __future__ import annotations

from collections import Counter
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import FloatRect, Locator, Page, expect

from dashboard import navigation

PAGES = {"" if page.path == "overview" else page.path: page.title for page in navigation.PAGES}
# Any of these is there once a page has its figures.
CONTENT = ", ".join(f"[data-testid={name}]" for name in ("stMetric", "stDataFrame", "chart", "stTextArea", "stAlert"))


def query_params(page: Page) -> dict[str, str]:
    """Parameters of the address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def drawn_charts(page: Page, count: int, timeout_ms: float | None = None) -> Locator:
    """Wait until as many charts are drawn, and no others are there; returns them."""
    charts = page.get_by_test_id("chart")
    expect(page.locator("[data-testid=chart][data-painted]")).to_have_count(count, timeout=timeout_ms)
    expect(charts).to_have_count(count)
    return charts


def plot_area(page: Page) -> tuple[FloatRect, Locator]:
    """Box of the plot of the first chart, and the chart."""
    chart = page.get_by_test_id("chart").first
    plot = chart.locator(".nsewdrag")
    plot.wait_for(state="attached")
    box = plot.bounding_box()
    assert box is not None
    return box, chart


def drag_to(page: Page, box: FloatRect, share: float) -> None:
    """Move the pointer along the middle of the plot to this share of its width."""
    page.mouse.move(box["x"] + box["width"] * share, box["y"] + box["height"] / 2, steps=5)


def begin_drag(page: Page, start: float, to: float) -> tuple[FloatRect, Locator]:
    """Press on the first chart at one share of its width and drag to another; the plot's box, and the chart."""
    box, chart = plot_area(page)
    page.mouse.move(box["x"] + box["width"] * start, box["y"] + box["height"] / 2)
    page.mouse.down()
    drag_to(page, box, to)
    return box, chart


def tile(page: Page, text: str) -> Locator:
    """The tiles that contain the text."""
    return page.get_by_test_id("stMetric").filter(has_text=text)


def tile_value(page: Page, text: str) -> Locator:
    """The values of the tiles that contain the text."""
    return tile(page, text).get_by_test_id("stMetricValue")


def expect_value(page: Page, label: str, value: str) -> None:
    """Wait until the tile with exactly this label has the value."""
    named = page.get_by_test_id("stMetric").filter(has=page.get_by_text(label, exact=True))
    expect(named.get_by_test_id("stMetricValue")).to_have_text(value)


def ledger_totals(ledger: dict[str, Any], table: str, **where: str) -> Counter[str]:
    """Sums of the measures of a window table in the ledger of the generator."""
    sums: Counter[str] = Counter()
    for row in ledger["tables"][table]:
        if all(row[name] == value for name, value in where.items()):
            sums.update({name: value for name, value in row.items() if isinstance(value, int)})
    return sums
