"""kill -9 at random moments, and a producer that sends a fifth of its events twice: every event still counts once.

Two replicas are killed six times while a third joins and leaves; duplicates come within and across these kills. Every
table then equals the ledger, which counts each event once.
"""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from streamgauge.warehouse.client import Warehouse
from tests.chaos.kills import kill_at_work
from tests.support import audit
from tests.support.figures import events_visible
from tests.support.requirements import require_kafka
from tests.support.rig import new_rig
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.chaos, pytest.mark.long]
STREAMS = ("orders", "inventory", "marketing", "payments", "shipments")
REPEATED = "SELECT stream, sum(repeated)::BIGINT AS n FROM stream_windows GROUP BY 1"


def differences(ledger: dict[str, Any], warehouse: Warehouse) -> list[str]:
    """Differences from the ledger, except in `events`, which counts every message: duplicates are compared instead."""
    found = [line for line in audit.differences(ledger, warehouse) if ": events: " not in line]
    repeated = {row["stream"]: row["n"] for row in warehouse.query(REPEATED).to_pylist()}
    for stream in STREAMS:
        duplicates = ledger["streams"][stream]["duplicates"]
        if repeated[stream] != duplicates:
            found.append(f"{stream}: {repeated[stream]} repeated, {duplicates} sent twice")
    return found


@pytest.mark.timeout(420)
@pytest.mark.parametrize("works", [True, False], ids=["", "planted bug: no restore"])
def test_duplicates_count_once_whatever_is_killed(works: bool) -> None:
    require_kafka()
    rng = random.Random(20261123)
    entry = "streamgauge.cli.main" if works else "tests.chaos.planted_bug_no_dedup_restore"
    with new_rig(
        session_timeout_ms=6_000,
        commit_interval_ms=100,
        flush_interval_ms=100,
        deduplicate=",".join(f"{stream}=600" for stream in STREAMS),
    ) as rig:
        rig.start("warehouse")
        replicas = {name: rig.start("process", "analytics", ready=name == "a", entry=entry) for name in ("a", "b")}
        ledger_file = rig.folder / "ledger.json"
        options = ("--rate", "1500", "--duplicates", "0.2", "--late", "0.02", "--ledger", str(ledger_file))
        generator = rig.start("generate", *options)
        kill_at_work(rig, replicas, ("a", "b") * (3 if works else 1), rng, joins=2, leaves=4)
        assert generator.stop() == 0
        ledger = json.loads(ledger_file.read_text())
        assert ledger["duplicates"] > 1_000
        sent = ledger["produced"] + ledger["duplicates"]
        with Warehouse(rig.settings) as warehouse:
            wait_until(lambda: events_visible(warehouse) >= sent, f"{sent} messages visible", 120)
            found = differences(ledger, warehouse)
        assert (found == []) is works, found
