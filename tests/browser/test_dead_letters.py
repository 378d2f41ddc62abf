"""The page of dead letters on a running pipeline: its figures are the ledger's, and a letter is opened as text."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pipeline import Pipeline
from tests.browser.test_overview import tile

pytestmark = pytest.mark.browser


def test_figures_are_the_ledgers(page: Page, pipeline: Pipeline, ledger: dict[str, Any]) -> None:
    page.goto(f"{pipeline.url}/dead-letters?range=7d")
    expect(tile(page, "Dead letters").get_by_test_id("stMetricValue")).to_have_text(f"{ledger['invalid']:,}")
    causes = pipeline.figure("SELECT count(DISTINCT fingerprint) FROM dead_letters")
    expect(tile(page, "Causes").get_by_test_id("stMetricValue")).to_have_text(f"{causes:,}")
