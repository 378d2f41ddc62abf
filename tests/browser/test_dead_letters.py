"""Dead letters in a real browser: figures equal to the ledger."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import tile_value
from tests.browser.pipeline import Pipeline

pytestmark = pytest.mark.browser


def test_figures_match_the_ledger(page: Page, pipeline: Pipeline, ledger: dict[str, Any]) -> None:
    page.goto(f"{pipeline.url}/dead-letters?range=7d")
    expect(tile_value(page, "Dead letters")).to_have_text(f"{ledger['invalid']:,}")
    causes = pipeline.figure("SELECT count(DISTINCT fingerprint) FROM dead_letters")
    expect(tile_value(page, "Causes")).to_have_text(f"{causes:,}")
