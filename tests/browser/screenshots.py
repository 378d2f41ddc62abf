"""The pictures in docs/images, taken from a running pipeline: `python -m tests.browser.screenshots [FOLDER]`.

With a folder, every state is taken at both widths and in both schemes, to look at; without, only what the docs show.
Takes a few minutes: half an hour of past traffic is written first, so that there is something to compare with.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Literal

from confluent_kafka import Producer
from playwright.sync_api import Browser

from dashboard import figures
from generators.shop import Shop
from tests.browser import chromium
from tests.browser.pipeline import Pipeline, running

IMAGES = Path(__file__).parents[2] / "docs" / "images"
RATE = 240
PAST_S = 2_100
# The past is written while the clock goes on; it reaches this far ahead, and live traffic begins where it ends.
AHEAD_S = 40
LIVE_S = 45
MOST_QUEUED = 50_000
SIZES = {1440: 1120, 420: 1480}
Scheme = Literal["light", "dark"]


def take(browser: Browser, url: str, shown: str, path: Path, width: int, scheme: Scheme) -> None:
    """One picture of the page, once `shown` (a selector) is there and its charts have settled."""
    context = browser.new_context(viewport={"width": width, "height": SIZES[width]}, color_scheme=scheme)
    page = context.new_page()
    page.goto(url)
    page.locator(shown).first.wait_for(state="attached", timeout=60_000)
    page.wait_for_timeout(2_000)
    page.screenshot(path=path)
    context.close()
    sys.stdout.write(f"{path}\n")


def every(browser: Browser, pipeline: Pipeline, folder: Path, state: str, shown: str) -> None:
    """A state at both widths, light and dark."""
    schemes: tuple[Scheme, ...] = ("light", "dark")
    for width in SIZES:
        for scheme in schemes:
            take(browser, f"{pipeline.url}/?range=15m", shown, folder / f"{state}-{width}-{scheme}.png", width, scheme)


def write_past(bootstrap: str) -> None:
    """Traffic of the last half hour, up to a moment that has come when this returns.

    The command line only keeps pace with the clock, so the shop's events go to Kafka from here.
    """
    began = time.time()
    shop = Shop(7, int((began - PAST_S) * 1000), RATE, late=0.004)
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 20, "compression.type": "lz4"})
    for number, event in enumerate(shop.events(RATE * (PAST_S + AHEAD_S))):
        producer.produce(event[0], event[2], event[1])
        if number % 1_000 == 0:
            while len(producer) > MOST_QUEUED:
                producer.poll(0.1)
    producer.flush()
    time.sleep(max(0.0, began + AHEAD_S - time.time()))


def main() -> None:
    """Take the pictures."""
    # However it ends, the processes are stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    chart = ".js-plotly-plot .point"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    with (
        tempfile.TemporaryDirectory() as scratch,
        running(Path(scratch)) as pipeline,
        chromium.launched() as browser,
    ):
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            every(browser, pipeline, folder, "empty", "[data-testid=stAlert]")
        write_past(pipeline.environ["STREAMGAUGE_BOOTSTRAP_SERVERS"])
        traffic = subprocess.Popen(
            pipeline.line("generate", "--rate", str(RATE), "--invalid", "0.002", "--late", "0.004"),
            env=pipeline.environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            time.sleep(LIVE_S)
            IMAGES.mkdir(parents=True, exist_ok=True)
            url = f"{pipeline.url}/?range=15m"
            take(browser, url, chart, IMAGES / "overview.png", 1440, "light")
            take(browser, url, chart, IMAGES / "overview-dark.png", 1440, "dark")
            take(browser, url, chart, IMAGES / "overview-narrow.png", 420, "light")
            if folder:
                every(browser, pipeline, folder, "busy", chart)
        finally:
            traffic.terminate()
            traffic.wait(timeout=30)
        if folder:
            time.sleep(figures.STALE_AFTER_S + 5)
            every(browser, pipeline, folder, "stale", chart)
            pipeline.stop("warehouse")
            every(browser, pipeline, folder, "error", "[data-testid=stAlert]")


if __name__ == "__main__":
    main()
