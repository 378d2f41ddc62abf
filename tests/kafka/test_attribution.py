"""Attribution on a real broker: exact in whatever order events come, and after kill -9 and the loss of its state."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator

import pytest

from processors.attribution.service import NAME
from tests.support.attribution import (
    HOUR,
    Credits,
    Publisher,
    click,
    expected,
    order,
    product,
    reference,
    shaken,
    traffic,
)
from tests.support.requirements import require_kafka
from tests.support.rig import Rig, new_rig
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]
PARTITIONS, WINDOW_HOURS = 2, 1


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    require_kafka()
    with new_rig(
        partitions=PARTITIONS,
        attribution_window_hours=WINDOW_HOURS,
        service_commit_interval_ms=50,
        session_timeout_ms=6_000,
    ) as rig:
        yield rig


@pytest.fixture(scope="module")
def publisher(rig: Rig) -> Publisher:
    return Publisher(rig.kafka.bootstrap)


@pytest.fixture(scope="module")
def credits(rig: Rig) -> Iterator[Credits]:
    reader = Credits(rig.kafka.bootstrap)
    yield reader
    reader.close()


def test_credits_are_exact_after_a_kill_that_took_the_state(rig: Rig, publisher: Publisher, credits: Credits) -> None:
    start = int(time.time() * 1_000) - 2 * HOUR
    known = reference(start)
    events = traffic(start, customers=40, count=1_200)
    arriving = shaken(events)
    publisher.send(known)
    worker = rig.start("process", NAME)
    publisher.send(arriving[:600])
    wait_until(lambda: len(credits.read()) > 20, "the first credits", alive=worker.process)
    worker.kill()
    shutil.rmtree(rig.settings.data_dir / "state" / NAME)
    publisher.send(arriving[600:])
    worker = rig.start("process", NAME)
    right = expected(events, known, WINDOW_HOURS * HOUR)
    wait_until(
        lambda: len(credits.read()) > 0 and credits.standing() == right, "every credit is right", alive=worker.process
    )
    reversals = sum(event["event_type"] == "attribution.reversed" for event in credits.events)
    assert reversals > 0, "events were to come late"
    wanted = ('events_total{kind="order",news="late"}', 'unknown_total{table="products"}')
    wait_until(
        lambda: all(worker.metrics().get(f"streamgauge_attribution_{name}", 0) > 0 for name in wanted),
        "what came late and what is not known is counted",
        alive=worker.process,
    )


def test_reference_data_is_followed(rig: Rig, publisher: Publisher, credits: Credits) -> None:
    """A product that is new to a running service is known soon after."""
    worker = rig.workers[-1]
    at = int(time.time() * 1_000)
    publisher.send([click("follow", at, "follower", "spring"), product("NEW", at, 400, "garden")])
    number = 0

    def known() -> bool:
        nonlocal number
        number += 1
        publisher.send([order(f"F{number}", at + number, "follower", [("NEW", 2, 1_000)])])
        mine = [event for event in credits.read() if event["customer_id"] == "follower"]
        return any(event.get("category") == "garden" and event["margin_cents"] == 1_200 for event in mine)

    wait_until(known, "an order with the new product's category", alive=worker.process, every_s=0.2)


def test_it_stops_cleanly(rig: Rig) -> None:
    worker = rig.workers[-1]
    assert worker.stop() == 0, worker.log.read_text()[-2_000:]
