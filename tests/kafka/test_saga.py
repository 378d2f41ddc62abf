"""The saga on a real broker, with services that repeat, reorder and lose: every order ends once, and totals agree."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Message

from streamgauge.dead_letters.headers import CONSUMER
from streamgauge.domain import partitioner
from streamgauge.runtime import health
from streamgauge.warehouse.client import QueryError, Warehouse, WarehouseUnavailable
from tests.support.fulfilment import Audit, order
from tests.support.publishing import publishing
from tests.support.requirements import require_kafka
from tests.support.rig import Rig, Worker, new_rig
from tests.support.topic_reader import read_topic
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]
ORDERS, PARTITIONS = 300, 2
SERVICES = (
    "services", "--latency-ms", "20", "--decline", "0.1", "--fail", "0.1", "--duplicate", "0.2", "--reorder", "0.3",
    "--lose", "0.05",
)  # fmt: skip


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    require_kafka()
    with new_rig(
        partitions=PARTITIONS,
        saga_stock_timeout_ms=600,
        saga_payment_timeout_ms=2_000,
        saga_shipment_timeout_ms=2_000,
        saga_delivery_timeout_ms=2_000,
        saga_compensation_attempts=100,  # however slow the machine is
        commit_interval_ms=100,
        flush_interval_ms=100,
    ) as rig:
        rig.start_together(("warehouse",), ("process", "analytics"), ("process", "fulfilment"))
        yield rig


@pytest.fixture(scope="module")
def fulfilment(rig: Rig) -> Worker:
    return rig.workers[-1]


@pytest.fixture(scope="module")
def audit(rig: Rig) -> Iterator[Audit]:
    audit = Audit(rig.kafka.bootstrap)
    yield audit
    audit.close()


def test_a_step_is_timed_out_without_a_new_event(rig: Rig, fulfilment: Worker, audit: Audit) -> None:
    """No service answers: without any event for the order, the step is requested again and then given up."""
    alone = order(0, random.Random(0), "alone")
    with publishing(rig.kafka.bootstrap) as send:
        send("orders", alone.order_id, alone)

    def compensating() -> bool:
        audit.read()
        return "releasing_stock/2" in audit.orders[alone.order_id].states

    wait_until(compensating, "the saga compensates, and repeats that request too", alive=fulfilment.process)
    states = audit.orders[alone.order_id].states
    assert states[:5] == [
        *(f"reserving_stock/{attempt}" for attempt in (1, 2, 3)),
        *(f"releasing_stock/{n}" for n in (1, 2)),
    ]


def test_every_saga_ends_once_and_totals_agree(rig: Rig, fulfilment: Worker, audit: Audit) -> None:
    dice, ledger = random.Random(1), rig.folder / "moved.json"
    services = rig.start(*SERVICES, "--ledger", str(ledger))
    with publishing(rig.kafka.bootstrap) as send:
        for number in range(ORDERS):
            placed = order(number, dice)
            for _ in range(2 if dice.random() < 0.2 else 1):
                send("orders", placed.order_id, placed)
        send("orders", "garbage", b"{")

    def ended() -> bool:
        audit.read()
        return len(audit.placed) == ORDERS + 1 and audit.open == 0

    wait_until(ended, "every saga ended", alive=fulfilment.process, timeout_s=200)
    how = audit.check()
    # How many depends on the machine: a slow one times steps out.
    assert how["completed"] > 0
    assert how["compensated"] > 0
    assert services.stop() == 0
    assert json.loads(ledger.read_text())["totals"] == audit.totals
    seen = fulfilment.metrics()
    assert seen['streamgauge_service_events_skipped_total{topic="orders"}'] == 1
    assert sum(value for name, value in seen.items() if name.startswith("streamgauge_saga_ignored_total{")) > 0
    assert sum(value for name, value in seen.items() if name.startswith("streamgauge_saga_timeouts_total{")) >= 3


def test_the_tables_agree(rig: Rig, audit: Audit) -> None:
    expected = (ORDERS + 1, sum(audit.placed.values()), 0, 0, 0)
    sql = """
    SELECT count(*), sum(s.amount_cents)::BIGINT, count(*) FILTER (WHERE s.step <> 'ended'),
           coalesce(sum(abs(c.residue_cents)), 0)::BIGINT, coalesce(sum(abs(c.residue_units)), 0)::BIGINT
    FROM sagas s LEFT JOIN compensations c USING (order_id)
    """
    seen: list[tuple[Any, ...]] = []
    with Warehouse(rig.settings) as warehouse:

        def same() -> bool:
            try:
                row = warehouse.query(sql).to_pylist()[0]
            except (WarehouseUnavailable, QueryError):
                return False
            seen.append(tuple(row.values()))
            return seen[-1] == expected

        try:
            wait_until(same, f"the tables have {expected}", timeout_s=60)
        except AssertionError:
            pytest.fail(f"the tables have {seen[-1:]}, not {expected}")
        totals = warehouse.query(
            "SELECT sum(authorised_cents)::BIGINT AS authorised_cents, sum(refunded_cents)::BIGINT AS refunded_cents, "
            "sum(reserved_units)::BIGINT AS reserved, sum(released_units)::BIGINT AS released, "
            "sum(shipped_units)::BIGINT AS shipped FROM compensations"
        ).to_pylist()[0]
        assert totals == audit.totals
        assert warehouse.query("FROM sagas_stuck").num_rows == 0
        assert warehouse.query("FROM saga_step_times").num_rows > 5


def test_an_order_in_another_partition_than_its_key_is_reported(rig: Rig, fulfilment: Worker) -> None:
    """As a producer with another partitioner leaves it: its saga would never meet the answers."""
    apart = order(0, random.Random(0), "apart")
    key = apart.order_id.encode()
    wrong = 1 - partitioner.partition(key, PARTITIONS)
    with publishing(rig.kafka.bootstrap) as send:
        send("orders", key, apart, partition=wrong)
    how = partitioner.guess(key, wrong, PARTITIONS)
    name = "streamgauge_service_misplaced_events_total"
    series = f'{name}{{partitioner="{how}",producer="test",topic="orders"}}'
    wait_until(lambda: fulfilment.metrics().get(series) == 1, "it is counted", alive=fulfilment.process)
    assert [series_name for series_name in fulfilment.metrics() if series_name.startswith(f"{name}{{")] == [series]
    (problem,) = [one.problems for one in health.read_all(rig.settings.data_dir) if one.name == "fulfilment"]
    assert "`orders` are not where murmur2 puts their key" in problem[0]
    assert "apart-0" in problem[0]


def test_an_order_that_can_have_no_saga_is_dead_lettered(rig: Rig, fulfilment: Worker) -> None:
    """It does not hold up the orders behind it."""
    unfit = order(0, random.Random(0), "x" * 160)
    with publishing(rig.kafka.bootstrap) as send:
        send("orders", unfit.order_id, unfit)

    def dead_letters() -> list[Message]:
        letters = read_topic(rig.kafka.bootstrap, "orders.dlq")
        return [letter for letter in letters if (CONSUMER, b"fulfilment") in (letter.headers() or [])]

    wait_until(lambda: dead_letters() != [], "the dead letter", 60, every_s=0.5)
    (letter,) = dead_letters()
    assert json.loads(letter.value() or b"")["order_id"] == unfit.order_id
    assert ("__streams.errors.exception", b"UnfitOrder") in (letter.headers() or [])
    assert fulfilment.healthy()
    assert fulfilment.stop() == 0
