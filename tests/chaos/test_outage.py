"""The broker is down for 20 s after a kill -9: everything recovers by itself, nothing is lost or repeated."""

from __future__ import annotations

import threading

import pytest

from tests.chaos.delta_reader import DeltaReader, assert_exactly_once
from tests.chaos.kills import analytics_at_work
from tests.support.requirements import require_kafka
from tests.support.rig import new_rig
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.chaos, pytest.mark.long]
OUTAGE_S = 20.0


@pytest.mark.timeout(300)
def test_the_broker_is_down_for_twenty_seconds() -> None:
    require_kafka()
    with new_rig(session_timeout_ms=6_000, commit_interval_ms=100, flush_interval_ms=100) as rig:
        warehouse = rig.start("warehouse")
        analytics = rig.start("process", "analytics")
        reader = DeltaReader(rig.kafka.bootstrap)
        ledger_file = rig.folder / "ledger.json"
        generator = rig.start("generate", "--rate", "1000", "--ledger", str(ledger_file))
        for worker in (warehouse, analytics):
            wait_until(lambda worker=worker: analytics_at_work(worker), f"{worker.log} at work", 60)  # type: ignore[misc]
        before = analytics.metrics()["streamgauge_batch_events_count"]
        rig.kafka.kill()
        threading.Event().wait(OUTAGE_S)
        rig.kafka.start()
        rig.kafka.wait_ready()
        wait_until(lambda: analytics.metrics()["streamgauge_batch_events_count"] > before + 10, "batches again", 60)
        for worker in (warehouse, analytics):
            wait_until(worker.healthy, f"{worker.log} ready again", 60, alive=worker.process)
        assert generator.stop() == 0
        assert_exactly_once(rig, ledger_file, reader)
        for worker in (analytics, warehouse):
            assert worker.stop() == 0, worker.log.read_text()[-2_000:]
