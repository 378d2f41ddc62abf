"""A dead letter retried through the page; its event is then one more than in the ledger.

Its name makes it run after the tests that compare figures with the ledger.
"""

from __future__ import annotations

import getpass
import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pipeline import Pipeline
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.long]
# Fields of marketing events, each with a valid value.
VALID = {"cost_cents": "12", "source": "marketing", "schema_version": "1", "customer_id": "C-1"}
CANDIDATE = f"""
SELECT concat_ws(':', topic, kafka_partition, kafka_offset) AS id, fingerprint, ltrim(field, '$.') AS field, payload
FROM dead_letters
WHERE stream = 'marketing' AND field IN ({", ".join(f"'$.{name}'" for name in VALID)}) AND payload LIKE '%"event_id"%'
ORDER BY field, id LIMIT 1
"""


def test_an_edited_dead_letter_is_retried_and_counted(page: Page, pipeline: Pipeline, ledger: dict[str, Any]) -> None:
    (dead_letter,) = json.loads(pipeline.run("sql", CANDIDATE, "--format", "json").stdout)
    event_id = json.loads(dead_letter["payload"])["event_id"]
    counted = f"SELECT count(*) FROM marketing_events WHERE event_id = '{event_id}'"
    assert pipeline.figure(counted) == 0

    page.goto(
        f"{pipeline.url}/dead-letters?range=7d&fingerprint={dead_letter['fingerprint']}&letter={dead_letter['id']}"
    )
    expect(page.get_by_text("◀").first).to_contain_text(dead_letter["field"])
    page.get_by_text("Set one field", exact=True).click()
    field = page.get_by_label("Field", exact=True)
    expect(field).to_have_value(dead_letter["field"])
    value = page.get_by_label("Value", exact=True)
    value.fill(VALID[dead_letter["field"]])
    value.press("Enter")
    page.get_by_role("button", name="Dry run").click()
    expect(page.get_by_text("1 would be sent, 1 would pass now")).to_be_visible()
    retries = f"SELECT * FROM dead_letter_retries WHERE letter = '{dead_letter['id']}'"
    assert pipeline.figure(f"SELECT count(*) FROM ({retries})") == 0

    page.get_by_role("button", name="Send 1 again").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("1 to topic marketing, partition")
    dialog.get_by_role("button", name="Confirm").click()
    expect(dialog).to_contain_text("Started as job")
    dialog.get_by_text("Close", exact=True).click()
    expect(page.get_by_text("All passed.")).to_be_visible()

    wait_until(lambda: pipeline.figure(counted) == 1, "the edited event")
    (row,) = json.loads(pipeline.run("sql", retries, "--format", "json").stdout)
    assert (row["retried_by"], row["edited"]) == (getpass.getuser(), True)
    records = f"SELECT count(*) FROM audit_events WHERE target LIKE '% {dead_letter['id']}' AND outcome = 'done'"
    wait_until(lambda: pipeline.figure(records) == 2, "both records in the audit stream")
