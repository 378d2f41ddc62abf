"""An action in a real browser: confirmed while the page refreshes behind, run once, and in the audit stream."""

from __future__ import annotations

import getpass
import json
import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.action_dashboard import EFFECTS, TARGET, action_dashboard
from tests.browser.pipeline import Pipeline
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.long]


def test_a_dialog_survives_refreshes_and_the_action_is_recorded(page: Page, pipeline: Pipeline) -> None:
    with action_dashboard(pipeline, "action") as url:
        page.goto(url)
        drawn = page.get_by_text("drawn at")
        page.get_by_role("button", name="Retry").click()
        dialog = page.get_by_role("dialog")
        for line in EFFECTS:
            expect(dialog.get_by_text(line, exact=True)).to_be_visible()
        # The dialog survives two refreshes behind it.
        for _ in range(2):
            before = drawn.inner_text()
            expect(drawn).not_to_have_text(before)
        dialog.get_by_role("button", name="Confirm").click()
        expect(dialog.get_by_text("3 dead letters were sent")).to_be_visible()
        dialog.get_by_role("button", name="Close").last.click()
        expect(dialog).to_be_hidden()
        wait_until(lambda: pipeline.figure("SELECT count(*) AS n FROM audit_events") == 2, "both records")
        page.get_by_role("button", name="Retry").click()
        dialog.get_by_role("button", name="Cancel").click()
        expect(dialog).to_be_hidden()
        page.get_by_role("button", name="Retry").click()
        expect(dialog.get_by_text(EFFECTS[0])).to_be_visible()
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        before = drawn.inner_text()
        expect(drawn).not_to_have_text(before)
        expect(dialog).to_be_hidden()
        page.get_by_text("Audit: who did what").click()
        expect(page.get_by_test_id("stDataFrame")).to_be_visible()
    records = json.loads(pipeline.run("sql", "SELECT * FROM audit_events ORDER BY outcome", "--format", "json").stdout)
    assert [row["outcome"] for row in records] == ["done", "requested"]
    assert {(row["actor"], row["role"], row["action"], row["target"]) for row in records} == {
        (getpass.getuser(), "operator", "test.retry", TARGET)
    }
    assert re.search(re.escape(EFFECTS[0]), records[1]["detail"])
    assert pipeline.figure("SELECT count(*) AS n FROM stream_windows WHERE stream = 'audit'") == 0


def test_without_kafka_nothing_is_done(page: Page, pipeline: Pipeline) -> None:
    with action_dashboard(pipeline, "no-kafka", BOOTSTRAP_SERVERS="127.0.0.1:1") as url:
        page.goto(url)
        page.get_by_role("button", name="Retry").click()
        page.get_by_role("button", name="Confirm").click()
        expect(page.get_by_text("Nothing was done")).to_be_visible()
        expect(page.get_by_text("3 dead letters were sent")).to_be_hidden()
