"""One browser, one pipeline and one run of known traffic, shared by all browser tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import chromium
from tests.browser.pipeline import Pipeline, Shop, running_pipeline
from tests.support.requirements import require, require_kafka
from tests.support.waiting import wait_until

# A first paint takes a second, but much longer on a busy CI machine.
TIMEOUT_MS = 30_000
expect.set_options(timeout=TIMEOUT_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests with `shop` last: while it runs, its services take half a core."""
    own = [at for at, item in enumerate(items) if item.path.parent == Path(__file__).parent]
    ordered = sorted((items[at] for at in own), key=lambda item: "shop" in getattr(item, "fixturenames", ()))
    for at, item in zip(own, ordered, strict=True):
        items[at] = item


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium; without it tests are skipped, and fail in CI."""
    require(chromium.path() is not None, chromium.INSTALL)
    with chromium.launched() as instance:
        yield instance


@pytest.fixture(scope="package")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """The running pipeline. It is empty until a test uses `ledger`."""
    require_kafka()
    with running_pipeline(tmp_path_factory.mktemp("pipeline"), Pipeline) as ready:
        yield ready


@pytest.fixture(scope="package")
def empty_text(browser: Browser, pipeline: Pipeline) -> str:
    """Text of the page before the first event; `ledger` depends on it."""
    page = browser.new_page()
    page.goto(pipeline.url)
    page.get_by_test_id("stAlert").first.wait_for(timeout=TIMEOUT_MS)
    text = page.inner_text("body")
    page.close()
    return text


@pytest.fixture(scope="package")
def ledger(pipeline: Pipeline, empty_text: str) -> dict[str, Any]:
    """Known traffic, all of it visible; the totals of the generator."""
    totals = pipeline.generate("ledger", "--rate", "0", "--count", "12000", "--invalid", "0.01", "--late", "0.02")
    produced = totals["produced"]
    wait_until(lambda: pipeline.events() == produced, f"{produced:,} events")
    return totals


@pytest.fixture(scope="package")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop with its services, on its own pipeline, after about 150 orders."""
    require_kafka()
    with running_pipeline(tmp_path_factory.mktemp("shop"), Shop) as ready:
        ready.run_storefront(3_000)
        yield ready


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page in its own session; the output of the dashboard is in the report of the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    yield context.new_page()
    context.close()
    for name in {"pipeline", "shop"} & set(request.fixturenames):
        print(request.getfixturevalue(name).log("dashboard"))
