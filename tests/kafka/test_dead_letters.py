"""Dead letters on a real broker: listed by cause, shown with the wrong field, sent again once each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Producer

from benchmarks.rig import Rig, rig, wait_until
from tests.conftest import require_kafka
from warehouse.client import Warehouse, WarehouseUnavailable

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def made() -> Iterator[Rig]:
    require_kafka()
    with rig(partitions=3, commit_interval_ms=50, flush_interval_ms=50) as made:
        made.start("warehouse")
        made.start("process", "analytics")
        yield made


@pytest.fixture(scope="module")
def warehouse(made: Rig) -> Iterator[Warehouse]:
    with Warehouse(made.settings) as client:
        yield client


def environment(made: Rig) -> dict[str, str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("STREAMGAUGE_")}
    values = made.settings.model_dump(exclude_unset=True)
    return env | {f"STREAMGAUGE_{name.upper()}": str(value) for name, value in values.items()}


def dead_letters(made: Rig, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`streamgauge dead-letters …`"""
    command = [sys.executable, "-m", "streamgauge", "dead-letters", *arguments]
    return subprocess.run(command, env=environment(made), capture_output=True, text=True, timeout=120, check=False)


def payment(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "event_id": f"e{number}",
        "event_type": "payment.requested",
        "occurred_at": int(time.time() * 1_000),
        "source": "test",
        "schema_version": 1,
        "payment_id": f"P-{number}",
        "order_id": f"O-{number}",
        "customer_id": "C-1",
        "method": "card",
        "amount_cents": 100,
        "currency": "EUR",
        **changes,
    }


def publish(made: Rig, topic: str, *messages: tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]) -> list[str]:
    """Produce (key, value, headers) in order; returns their places as ids."""
    places: list[str] = []
    producer = Producer({"bootstrap.servers": made.kafka.bootstrap})
    for key, value, headers in messages:
        producer.produce(
            topic,
            value,
            key,
            headers=headers,
            on_delivery=lambda _e, m: places.append(f"{m.topic()}:{m.partition()}:{m.offset()}"),
        )
        assert producer.flush(30) == 0
    return places


def count(warehouse: Warehouse, where: str) -> int:
    try:
        return int(warehouse.query(f"SELECT count(*) AS n FROM {where}")["n"][0].as_py())
    except WarehouseUnavailable:
        return -1


def test_a_letter_is_listed_and_sent_again_once(made: Rig, warehouse: Warehouse) -> None:
    """Reason, fingerprint, field and id in the list; the second retry finds nothing to do."""
    value = json.dumps(payment(1, amount_cents="100")).encode()
    (place,) = publish(made, "payments", (b"O-1", value, [("trace", b"t1")]))
    wait_until(lambda: count(warehouse, "dead_letters WHERE stream = 'payments'") == 1, "the dead letter")
    listed = json.loads(dead_letters(made, "list", "--format", "json").stdout)
    assert [(g["stream"], g["reason"], g["field"], g["letters"], g["example"]) for g in listed] == [
        ("payments", "wrong_type", "$.amount_cents", 1, place)
    ]
    assert sum(listed[0]["trend"]) == 1
    dry = dead_letters(made, "retry", place)
    assert (dry.returncode, dry.stderr) == (0, "")
    assert "nothing was sent" in dry.stdout
    done = dead_letters(made, "retry", place, "--yes")
    assert done.returncode == 1, done.stderr
    assert listed[0]["fingerprint"] in done.stdout
    assert "the same failure returned" in done.stdout
    wait_until(lambda: count(warehouse, "dead_letters WHERE stream = 'payments'") == 2, "the second attempt")
    again = dead_letters(made, "retry", place, "--yes")
    assert again.returncode == 0, again.stderr
    assert "1 already retried" in again.stdout
    rows = warehouse.query("SELECT attempts, retry_of FROM dead_letters WHERE stream = 'payments' ORDER BY 1")
    assert rows.to_pylist() == [{"attempts": 1, "retry_of": None}, {"attempts": 2, "retry_of": place}]
