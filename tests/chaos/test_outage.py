"""The broker is killed for 20 s and comes back: everything recovers without help, nothing is lost or repeated."""

from __future__ import annotations

import threading

import pytest

from tests.chaos.reader import Reader
from tests.chaos.test_kill import at_work, check
from tests.conftest import require_kafka
from tests.support.rig import rig
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.chaos, pytest.mark.long]
OUTAGE_S = 20.0


@pytest.mark.timeout(300)
def test_the_broker_away_for_twenty_seconds() -> None:
    require_kafka()
    with rig(session_timeout_ms=6_000, commit_interval_ms=100, flush_interval_ms=100) as made:
        warehouse = made.start("warehouse")
        analytics = made.start("process", "analytics")
        reader = Reader(made.kafka.bootstrap)
        ledger_file = made.folder / "ledger.json"
        generator = made.start("generate", "--rate", "1000", "--ledger", str(ledger_file))
        for worker in (warehouse, analytics):
            wait_until(lambda worker=worker: at_work(worker), f"{worker.log} at work", 60)  # type: ignore[misc]
        before = analytics.metrics()["streamgauge_batch_events_count"]
        made.kafka.kill()
        threading.Event().wait(OUTAGE_S)
        made.kafka.start()
        made.kafka.wait_ready()
        wait_until(lambda: analytics.metrics()["streamgauge_batch_events_count"] > before + 10, "batches again", 60)
        for worker in (warehouse, analytics):
            wait_until(worker.healthy, f"{worker.log} ready again", 60, alive=worker.process)
        assert generator.stop() == 0
        check(made, ledger_file.read_text(), reader)
        for worker in (analytics, warehouse):
            assert worker.stop() == 0, worker.log.read_text()[-2_000:]
