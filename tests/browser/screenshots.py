"""Take the pictures in docs/images from a running shop: `python -m tests.browser.screenshots [FOLDER] [--minutes 11]`.

With a folder, every page is taken empty, busy and without its warehouse, at 1440 and 420 px, light and dark, for
review; without, only the pictures of the README and the docs. The shop sells for the given minutes first, with some
invalid events and an outage of the payment service near the end.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser

from tests.browser import chromium
from tests.browser.pages import CONTENT, PAGES
from tests.browser.pipeline import Pipeline, Shop, running_pipeline

IMAGES = Path(__file__).parents[2] / "docs" / "images"
RATE = 120
OUTAGE_S = 30
# The whole page was sent, every chart is drawn, and no placeholder waits for code that is still being loaded.
DRAWN = """() => {
    const every = name => [...document.querySelectorAll(`[data-testid=${name}]`)];
    const empty = one => one.offsetHeight > 100 && !one.innerText.trim() && !one.querySelector("svg, canvas, textarea");
    return document.querySelector("[data-testid=stApp][data-test-script-state=notRunning]")
        && every("chart").every(chart => chart.dataset.painted)
        && !every("stSkeleton").length && !every("stElementContainer").some(empty);
}"""
SIZES = {1440: 1120, 420: 1480}
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")


def take(browser: Browser, pipeline: Pipeline, page: str, path: Path, width: int, scheme: Scheme) -> None:
    """Take one picture of a page, once its figures are there and its charts are drawn."""
    context = browser.new_context(viewport={"width": width, "height": SIZES[width]}, color_scheme=scheme)
    tab = context.new_page()
    tab.goto(f"{pipeline.url}/{page}?range=5m")
    tab.locator(CONTENT).first.wait_for(state="attached", timeout=60_000)
    tab.wait_for_function(DRAWN, timeout=60_000)
    tab.wait_for_timeout(3_000)
    tab.screenshot(path=path)
    context.close()
    sys.stdout.write(f"{path}\n")


def every(browser: Browser, pipeline: Pipeline, folder: Path, state: str) -> None:
    """Take every page in a state, at both widths, light and dark."""
    for (page, _), width, scheme in product(PAGES.items(), SIZES, SCHEMES):
        take(browser, pipeline, page, folder / f"{page or 'overview'}-{state}-{width}-{scheme}.png", width, scheme)


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--minutes", type=float, default=11.0, help="how long the shop sells first")
    options = parser.parse_args()
    folder: Path | None = options.folder
    # However it ends, the processes are stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with (
        tempfile.TemporaryDirectory() as scratch,
        running_pipeline(Path(scratch), Shop) as shop,
        chromium.launched() as browser,
    ):
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            every(browser, shop, folder, "empty")
        shop.start_storefront("--rate", str(RATE), "--invalid", "0.002", "--late", "0.004", "--fraud", "0.02")
        time.sleep(max(0.0, options.minutes * 60 - OUTAGE_S))
        shop.run("fault", "payment-outage", "--for", str(4 * OUTAGE_S))
        time.sleep(OUTAGE_S)
        IMAGES.mkdir(parents=True, exist_ok=True)
        for page in PAGES:
            take(browser, shop, page, IMAGES / f"{page or 'overview'}.png", 1440, "light")
        take(browser, shop, "", IMAGES / "overview-dark.png", 1440, "dark")
        take(browser, shop, "", IMAGES / "overview-narrow.png", 420, "light")
        if folder:
            every(browser, shop, folder, "busy")
            shop.stop("warehouse")
            every(browser, shop, folder, "broken")


if __name__ == "__main__":
    main()
