"""kill -9 of attribution, half of them with its state deleted: credits less reversals stay exact.

Two replicas are killed five times each while clicks and orders arrive out of order and twice. Every order must end with
the credit that another computation gives it, never have two at a time, and no event be published twice.
"""

from __future__ import annotations

import random
import shutil
import threading
import time
from functools import partial

import pytest

from processors.attribution.service import NAME
from tests.conftest import require_kafka
from tests.support.attribution import HOUR, Credits, Event, Publisher, expected, reference, shaken, traffic
from tests.support.rig import Rig, Worker, new_rig
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.chaos, pytest.mark.long]
KILLS, PARTITIONS, EVENTS = 10, 4, 40_000
# A long interval between commits: a kill then finds much that was published and is not committed.
SETTINGS = {"attribution_window_hours": 1, "session_timeout_ms": 6_000, "service_commit_interval_ms": 400}


def publish(publisher: Publisher, events: list[Event], done: threading.Event) -> None:
    """A slice at a time, so that every kill finds some under way, until `done` says: the rest at once."""
    for first in range(0, len(events), 100):
        publisher.send(events[first : first + 100])
        if not done.is_set():
            done.wait(0.25)


def at_work(worker: Worker) -> bool:
    """Ready, and it has published: a kill finds it in the middle of something."""
    return worker.healthy() and worker.metrics().get('streamgauge_service_events_in_total{topic="orders"}', 0) > 0


def restart(rig: Rig, running: list[Worker], slot: int, *, with_state: bool) -> None:
    """Kill -9 and start again. The slot that the other one does not hold is taken again, and with it its state."""
    running[slot].kill()
    if not with_state:
        shutil.rmtree(rig.settings.data_dir / "state" / NAME / str(slot))
    running[slot] = rig.start("process", NAME, ready=False)


@pytest.mark.timeout(900)
def test_credits_survive_ten_kills() -> None:
    require_kafka()
    rng = random.Random(20261123)
    with_state = [True, False] * (KILLS // 2)
    rng.shuffle(with_state)
    start = int(time.time() * 1_000) - 2 * HOUR
    known, events = reference(start), traffic(start, customers=1_000, count=EVENTS)
    pause, done = threading.Event(), threading.Event()
    with new_rig(
        PARTITIONS, attribution_window_hours=1, session_timeout_ms=6_000, service_commit_interval_ms=50
    ) as rig:
        publisher = Publisher(rig.kafka.bootstrap)
        publisher.send(known)
        credits = Credits(rig.kafka.bootstrap, PARTITIONS)
        running = [rig.start("process", NAME), rig.start("process", NAME)]
        sender = threading.Thread(target=publish, args=(publisher, shaken(events), done), daemon=True)
        sender.start()
        for number in range(KILLS):
            slot = number % 2
            wait_until(
                partial(at_work, running[slot]), f"at work; {running[slot].log}", 120, alive=running[slot].process
            )
            pause.wait(rng.uniform(0.0, 1.5))
            restart(rig, running, slot, with_state=with_state[number])
        done.set()
        sender.join(120)
        assert not sender.is_alive()
        right = expected(events, known, HOUR)
        wait_until(lambda: len(credits.read()) > 0 and credits.standing() == right, "every credit", 240)
        assert any(event["event_type"] == "attribution.reversed" for event in credits.events)
        credits.close()
