"""kill -9 of attribution, half of the times with its state deleted: credits less reversals stay exact.

Two replicas are killed five times each while clicks and orders arrive out of order and twice. Every order must end with
the credit that an independent computation gives it, never have two at a time, and no event may be published twice.
"""

from __future__ import annotations

import random
import time

import pytest

from processors.attribution.service import NAME
from tests.chaos.kills import Replicas, SlicedPublisher
from tests.support.attribution import HOUR, Credits, Publisher, expected, reference, shaken, traffic
from tests.support.requirements import require_kafka
from tests.support.rig import new_rig
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.chaos, pytest.mark.long]
KILLS, PARTITIONS, EVENTS = 10, 4, 40_000


@pytest.mark.timeout(900)
def test_credits_survive_ten_kills() -> None:
    require_kafka()
    rng = random.Random(20261123)
    with_state = [True, False] * (KILLS // 2)
    rng.shuffle(with_state)
    start = int(time.time() * 1_000) - 2 * HOUR
    known, events = reference(start), traffic(start, customers=1_000, count=EVENTS)
    arriving = shaken(events)
    with new_rig(
        PARTITIONS, attribution_window_hours=1, session_timeout_ms=6_000, service_commit_interval_ms=50
    ) as rig:
        publisher = Publisher(rig.kafka.bootstrap)
        publisher.send(known)
        credits = Credits(rig.kafka.bootstrap)
        replicas = Replicas(rig, NAME, 'streamgauge_service_events_in_total{topic="orders"}')
        sliced = SlicedPublisher(
            lambda first, end: publisher.send(arriving[first:end]), len(arriving), size=100, every_s=0.4
        )
        for _ in replicas.kill_in_turn(with_state, sliced, rng, (0.0, 1.5)):
            pass
        sliced.finish()
        right = expected(events, known, HOUR)
        wait_until(lambda: len(credits.read()) > 0 and credits.standing() == right, "every credit", 240)
        assert any(event["event_type"] == "attribution.reversed" for event in credits.events)
        credits.close()
