"""The pages by path (their addresses are contract), and what is there once a page has its figures."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import FloatRect, Locator, Page

from dashboard import navigation

PAGES = {"" if page.path == "overview" else page.path: page.title for page in navigation.PAGES}
SHOWN = ", ".join(
    f"[data-testid={name}]" for name in ("stMetric", "stDataFrame", "stPlotlyChart", "stTextArea", "stAlert")
)


def asked(page: Page) -> dict[str, str]:
    """What the address asks for."""
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def plotted(page: Page) -> tuple[FloatRect, Locator]:
    """Where the first chart plots; a refresh draws it anew."""
    plot = page.locator(".js-plotly-plot .nsewdrag").first
    while (box := plot.bounding_box()) is None:
        page.wait_for_timeout(50)
    return box, plot
