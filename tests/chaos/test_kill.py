"""kill -9 at random moments loses and repeats nothing.

Two analytics replicas are killed ten times and the warehouse five times while events flow (four and two times in
`make test`), and a third replica joins and leaves. Afterwards every table equals the ledger, and a concurrent
read-committed reader received each delta once.
"""

from __future__ import annotations

import json
import random

import pytest

from streamgauge.warehouse.client import Warehouse
from tests.chaos.delta_reader import DeltaReader, assert_exactly_once
from tests.chaos.kills import kill_at_work
from tests.support import audit
from tests.support.figures import events_visible
from tests.support.requirements import require_kafka
from tests.support.rig import new_rig
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.chaos]
VICTIMS = ["analytics-0", "analytics-1", "warehouse"]


@pytest.mark.timeout(420)
@pytest.mark.parametrize("times", [2, pytest.param(5, marks=pytest.mark.long)])
def test_nothing_is_lost_or_repeated(times: int) -> None:
    require_kafka()
    rng = random.Random(20261122)
    kills = VICTIMS * times
    rng.shuffle(kills)
    with new_rig(session_timeout_ms=6_000, commit_interval_ms=100, flush_interval_ms=100) as rig:
        running = {"warehouse": rig.start("warehouse"), "analytics-0": rig.start("process", "analytics")}
        running["analytics-1"] = rig.start("process", "analytics", ready=False)
        reader = DeltaReader(rig.kafka.bootstrap)
        ledger_file = rig.folder / "ledger.json"
        options = ("--rate", "1500", "--invalid", "0.01", "--late", "0.02", "--ledger", str(ledger_file))
        generator = rig.start("generate", *options)
        kill_at_work(rig, running, kills, rng, joins=times, leaves=2 * times)
        assert generator.stop() == 0
        assert_exactly_once(rig, ledger_file, reader)


@pytest.mark.long
@pytest.mark.timeout(180)
def test_the_proof_fails_when_offsets_are_committed_outside_the_transaction() -> None:
    """Planted bug: the audit of the other test finds it."""
    require_kafka()
    with new_rig(session_timeout_ms=6_000, commit_interval_ms=100, flush_interval_ms=100) as rig:
        rig.start("warehouse")
        ledger_file = rig.folder / "ledger.json"
        options = ("--rate", "0", "--count", "20000", "--ledger", str(ledger_file))
        assert rig.start("generate", *options, ready=False).process.wait(60) == 0
        saboteur = rig.start(
            "process",
            "analytics",
            ready=False,
            entry="tests.chaos.planted_bug_offsets_outside_transaction",
            batch_max_events=1_000,
        )
        assert saboteur.process.wait(60) == -9
        rig.start("process", "analytics")
        ledger = json.loads(ledger_file.read_text())
        with Warehouse(rig.settings) as warehouse:
            wait_until(lambda: events_visible(warehouse) > ledger["produced"], "an event counted twice", 60)
            found = "\n".join(audit.differences(ledger, warehouse))
        assert "raw rows" in found
