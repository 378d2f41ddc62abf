"""Pipeline health and reconciliation in a real browser: figures known from ledgers, and a killed worker."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from streamgauge.runtime.data_dir import totals
from tests.browser.pages import tile_value
from tests.browser.pipeline import Pipeline, Shop
from tests.support.requirements import require_kafka
from tests.support.up import START_S, Up
from tests.support.waiting import wait_until

pytestmark = pytest.mark.browser


def test_the_reconciliation_compares_with_the_totals_of_the_generator(
    page: Page, pipeline: Pipeline, ledger: dict[str, Any]
) -> None:
    # Other tests generate, too; every run records its totals.
    published = [one.streams for one in totals.published(pipeline.folder / "data") if one.name == "generate"]
    assert ledger["produced"] in {sum(streams.values()) for streams in published}
    produced = sum(sum(streams.values()) for streams in published)
    names = ", ".join(sorted({f"'{name}'" for streams in published for name in streams}))
    visible = pipeline.figure(f"SELECT sum(events) FROM stream_windows WHERE stream IN ({names})")  # noqa: S608
    page.goto(f"{pipeline.url}/pipeline?range=7d")
    for name, count in (("Produced", produced), ("Visible in SQL", visible), ("Missing", 0)):
        expect(tile_value(page, name)).to_have_text(f"{count:,}")
    expect(tile_value(page, "Counted twice")).to_have_text("0")
    expect(page.get_by_text("The lag is not sampled")).to_be_visible()
    expect(page.get_by_text("3 of 3 ready")).to_be_visible()


def test_a_link_shows_the_partitions_of_a_group(page: Page, shop: Shop) -> None:
    page.goto(f"{shop.url}/pipeline?range=1h&group=fulfilment")
    # All orders have ended; only events of the lag sampler are in flight.
    expect(tile_value(page, "Groups behind")).to_have_text(re.compile(r"0 of \d"))
    expect(tile_value(page, "Missing")).to_have_text("0")
    expect(page.get_by_text("Partitions of the group")).to_be_visible()
    expect(page.get_by_text("fulfilment", exact=True).first).to_be_visible()
    expect(page.get_by_text("8 of 8 ready")).to_be_visible()


@pytest.mark.kafka
@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_killed_worker_is_replaced_without_missing_or_duplicate_events(tmp_path: Path, browser: Browser) -> None:
    require_kafka()
    up = Up(tmp_path)
    with up.started("--rate", "100", "--for", "300"):
        wait_until(lambda: up.logged("all services are ready"), "all services are ready", START_S)
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{up.ports['DASHBOARD']}/pipeline?range=5m")
        # The caption of the kill has the same text, once everything is visible.
        exact = page.get_by_text("missing 0, counted twice 0").first
        expect(exact).to_be_visible(timeout=60_000)
        worker = up.pid("analytics")
        page.get_by_role("button", name="Kill a worker").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text(f"The analytics process {worker} of this demo is killed with SIGKILL")
        dialog.get_by_role("button", name="Confirm").click()
        expect(dialog).to_contain_text(f"process {worker} was killed")
        dialog.get_by_role("button", name="Close").last.click()
        expect(page.get_by_text(f"Worker {worker} was killed at")).to_contain_text(
            "everything was visible", timeout=120_000
        )
        expect(exact).to_be_visible()
        assert up.pid("analytics") != worker
        page.close()
