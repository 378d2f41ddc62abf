"""Writer of the audit stream: one record before an action, one after it."""

from __future__ import annotations

import functools
import threading
import time
import uuid
from typing import Any

import msgspec
from confluent_kafka import KafkaException, Producer

from dashboard.data import query_cache
from streamgauge.catalog.builtin.audit import AUDIT_TOPIC, OperatorActed, Outcome
from streamgauge.runtime import kafka
from streamgauge.runtime.errors import TransientError
from streamgauge.runtime.settings import Settings

# How long an action waits for its record; librdkafka gives up then too, so that the record cannot appear later.
WRITE_S = 5.0
_LONGEST = {"actor": 1_000, "action": 1_000, "target": 10_000, "detail": 10_000}


class Writer:
    """Writes records to Kafka and waits for each. Connects at the first."""

    def __init__(self, settings: Settings, timeout_s: float = WRITE_S) -> None:
        self._settings, self._timeout_s = settings, timeout_s
        self._producer: Producer | None = None
        self._making = threading.Lock()

    def write(self, record: OperatorActed) -> None:
        """Write a record; it is acknowledged by all replicas when this returns. Raises `TransientError` with the
        reason."""
        errors: list[str] = []
        arrived = threading.Event()

        def delivered(error: Any, _: object) -> None:
            if error is not None:
                errors.append(error.str())
            arrived.set()

        try:
            producer = self._connected()
            producer.produce(AUDIT_TOPIC, msgspec.json.encode(record), record.action_id.encode(), on_delivery=delivered)
            until = time.monotonic() + self._timeout_s + 1
            while not arrived.is_set() and time.monotonic() < until:
                producer.poll(0.05)
        except (KafkaException, BufferError) as error:
            raise TransientError(f"Kafka did not accept it: {error}") from None
        if errors or not arrived.is_set():
            raise TransientError(f"Kafka did not take it: {errors[0] if errors else 'no answer'}")

    def _connected(self) -> Producer:
        with self._making:
            if self._producer is None:
                self._producer = Producer(
                    {
                        **kafka.producer_config(self._settings),
                        "enable.idempotence": True,
                        "acks": "all",
                        "linger.ms": 0,
                        "delivery.timeout.ms": int(1_000 * self._timeout_s),
                        "request.timeout.ms": int(1_000 * self._timeout_s) - 500,
                        **kafka.QUIET,
                    }
                )
            return self._producer


@functools.cache
def writer(settings: Settings) -> Writer:
    """The one writer of this process."""
    return Writer(settings)


def write(action_id: str, outcome: Outcome, *, actor: str, action: str, target: str, detail: str) -> None:
    """Write one step of an operator's action. Raises `TransientError` if Kafka does not accept it in time."""
    errors = {"actor": actor, "action": action, "target": target, "detail": detail}
    cut = {name: text[: _LONGEST[name]] for name, text in errors.items()}
    record = OperatorActed(
        action_id=action_id, acted_at=time.time_ns() // 1_000_000, role="operator", outcome=outcome, **cut
    )
    writer(query_cache.settings()).write(record)


def new_id() -> str:
    """The id of an action."""
    return uuid.uuid4().hex
