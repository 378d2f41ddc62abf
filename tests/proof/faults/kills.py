"""kill -9 of analytics, the warehouse and the broker, at random moments while events flow."""

from __future__ import annotations

import random
import time

from tests.proof.injection import Record, injection
from tests.proof.pipeline import pipeline

TIMES = 8


@injection("kill-analytics", "kill -9 of an analytics replica, one of two", limit_s=400)
def kill_analytics(record: Record) -> None:
    """Each in its turn, a random moment after both were at work."""
    _kill(record, ("analytics-0", "analytics-1"), replicas=2)


@injection("kill-warehouse", "kill -9 of the warehouse", limit_s=300)
def kill_warehouse(record: Record) -> None:
    """Its file has then a write-ahead log in any state."""
    _kill(record, ("warehouse",), replicas=1)


def _kill(record: Record, victims: tuple[str, ...], replicas: int) -> None:
    rng = random.Random(20261130)
    with pipeline(record, replicas) as shop:
        for number in range(TIMES):
            shop.wait_at_work()
            time.sleep(rng.uniform(0.0, 1.0))
            victim = victims[number % len(victims)]
            shop.restart(victim)
            record.injected(victim)
            shop.wait_back()
        shop.compare()


@injection("kill-broker", "kill -9 of the broker, and its start after 0 to 10 s", limit_s=400)
def kill_broker(record: Record) -> None:
    """Open transactions, group and producers are in its log."""
    rng = random.Random(20261130)
    with pipeline(record) as shop:
        for _ in range(4):
            shop.wait_at_work()
            time.sleep(rng.uniform(0.0, 1.0))
            shop.rig.kafka.kill()
            record.injected("broker")
            time.sleep(rng.uniform(0.0, 10.0))
            shop.rig.kafka.start()
            shop.rig.kafka.wait_ready(120.0)
            shop.wait_back()
        shop.compare()
