"""A burst of nothing but bad events in one stream: the others go on, and nothing of it is lost."""

from __future__ import annotations

import time

from tests.proof.faults.dead_letters import health
from tests.proof.injection import Record, injection
from tests.proof.pipeline import pipeline
from tests.support.publishing import publishing
from tests.support.waiting import wait_until

BAD, TOPIC = 20_000, "shipments"
OTHERS = f"stream <> '{TOPIC}'"


@injection(
    "poison-burst",
    f"All-poison burst: {BAD:,} events of one stream that are no JSON, at once",
    limit_s=360,
    exception="The stream waits until its newest events are good, or an operator lets them pass; the others go on",
)
def poison_burst(record: Record) -> None:
    """Streams without bad events must go on meanwhile, and the state must be told."""
    with pipeline(record, dead_letter_stop_events=1_000) as shop:
        before = shop.counted(OTHERS)
        with publishing(shop.rig.kafka.bootstrap) as send:
            for number in range(BAD):
                send(TOPIC, f"S-{number % 500}", b"poison")
        record.injected(f"{BAD:,} bad events")
        until, told = time.monotonic() + 20.0, ""
        while time.monotonic() < until:
            told = told or health(shop)
            time.sleep(0.5)
        record.require(shop.counted(OTHERS) > before + 1_500, "the other streams did not go on")
        record.require(told != "", "/health says nothing")
        record.note(f"/health says: {told}")
        worker = shop.running["analytics-0"]
        if worker.process.poll() is not None:
            record.require(False, "analytics ended")
            shop.restart("analytics-0")
        letters = f"SELECT count(*) FROM dead_letters WHERE stream = '{TOPIC}' AND payload = 'poison'"
        wait_until(lambda: shop.figure(letters) >= BAD, "every bad event is a dead letter", 180)
        shop.wait_back()
        shop.compare({TOPIC: ("invalid_json", BAD)})
