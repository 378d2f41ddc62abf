"""Events for the tests of dead letters, and the command as a test calls it."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from typing import Any

from confluent_kafka import Consumer

from streamgauge.warehouse.client import Warehouse, WarehouseUnavailable
from tests.support.rig import Rig, ordered_producer

Header = tuple[str, bytes | None]


def environment(rig: Rig) -> dict[str, str]:
    """The rig's settings as a process's environment."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("STREAMGAUGE_")}
    values = rig.settings.model_dump(exclude_unset=True)
    return env | {f"STREAMGAUGE_{name.upper()}": str(value) for name, value in values.items()}


def start(rig: Rig, *arguments: str) -> subprocess.Popen[str]:
    """`streamgauge dead-letters …`, running."""
    command = [sys.executable, "-m", "streamgauge", "dead-letters", *arguments]
    return subprocess.Popen(
        command, env=environment(rig), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    )


def call(rig: Rig, *arguments: str) -> tuple[int, str, str]:
    """`streamgauge dead-letters …`: exit code, standard output, standard error."""
    running = start(rig, *arguments)
    out, err = running.communicate(timeout=150)
    return running.returncode, out, err


def event(kind: str, **fields: Any) -> dict[str, Any]:
    """The fields that every event has, and these."""
    common = {"event_type": kind, "occurred_at": int(time.time() * 1_000), "source": "test", "schema_version": 1}
    return {"event_id": f"e{time.monotonic_ns()}", **common, **fields}


def payment(number: int, **changes: Any) -> dict[str, Any]:
    """A good payment, changed."""
    fields = {"payment_id": f"P-{number}", "order_id": f"O-{number}", "customer_id": "C-1", "method": "card"}
    return event("payment.requested", **{**fields, "amount_cents": 100, "currency": "EUR", **changes})


def shipment(number: int, **changes: Any) -> dict[str, Any]:
    """A good shipment, changed."""
    fields = {"shipment_id": f"S-{number}", "order_id": f"O-{number}", "carrier": "dhl", "region": "eu"}
    return event("shipment.requested", **{**fields, **changes})


def stock(number: int, **changes: Any) -> dict[str, Any]:
    """A good change of stock, changed."""
    fields = {"sku": f"K-{number}", "location": "hub", "quantity": 1, "on_hand": 5, "reserved": 0}
    return event("stock.received", **{**fields, **changes})


def publish(
    rig: Rig, topic: str, messages: Iterable[tuple[bytes | None, Any]], headers: list[Header] | None = None
) -> list[str]:
    """Produce (key, value), dicts as JSON, one after the other; returns their places as ids."""
    places: list[str] = []
    producer = ordered_producer(rig.kafka.bootstrap, message_max_bytes=4_000_000, linger_ms=0)
    for key, value in messages:
        data = json.dumps(value).encode() if isinstance(value, dict) else value
        producer.produce(
            topic,
            data,
            key,
            headers=headers or [],
            on_delivery=lambda _error, sent: places.append(f"{sent.topic()}:{sent.partition()}:{sent.offset()}"),
        )
        assert producer.flush(30) == 0
    return places


def count(warehouse: Warehouse, what: str) -> int:
    """Rows of a table or FROM clause; -1 while no warehouse answers."""
    try:
        return int(warehouse.query(f"SELECT count(*) AS n FROM {what}")["n"][0].as_py())
    except WarehouseUnavailable:
        return -1


# What a sink connector adds for an event of `orders`.
CONNECT: list[Header] = [
    ("__connect.errors.topic", b"orders"),
    ("__connect.errors.partition", b"0"),
    ("__connect.errors.offset", b"3"),
    ("__connect.errors.connector.name", b"orders-sink"),
    ("__connect.errors.stage", b"VALUE_CONVERTER"),
    ("__connect.errors.exception.class.name", b"org.apache.kafka.connect.errors.DataException"),
    ("__connect.errors.exception.message", b"Converting byte[] failed"),
]


def spring(place: str) -> list[tuple[str, bytes | None]]:
    """Spring's headers for an event at `place`."""
    topic, partition, offset = place.split(":")
    return [
        ("kafka_dlt-original-topic", topic.encode()),
        ("kafka_dlt-original-partition", struct.pack(">i", int(partition))),
        ("kafka_dlt-original-offset", struct.pack(">q", int(offset))),
        ("kafka_dlt-original-consumer-group", b"billing"),
        ("kafka_dlt-exception-fqcn", b"org.example.NoSuchCustomer"),
        ("kafka_dlt-exception-message", b"no customer 'C-9'"),
    ]


class Billing(threading.Thread):
    """Another service's consumer: reads `invoices` and commits, as group `billing`."""

    def __init__(self, rig: Rig) -> None:
        super().__init__(daemon=True)
        self.stop = threading.Event()
        self.seen: list[tuple[bytes | None, list[tuple[str, bytes]]]] = []
        options = {"bootstrap.servers": rig.kafka.bootstrap, "group.id": "billing", "enable.auto.commit": False}
        self._consumer = Consumer({**options, "auto.offset.reset": "earliest"})

    def run(self) -> None:
        """Until told to stop."""
        self._consumer.subscribe(["invoices"])
        while not self.stop.is_set():
            message = self._consumer.poll(0.1)
            if message is not None and message.error() is None:
                self.seen.append((message.value(), message.headers() or []))
                self._consumer.commit(message, asynchronous=False)
        self._consumer.close()
