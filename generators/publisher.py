"""Publishes events to Kafka, each once, and records them in the ledger when they are acknowledged."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from generators.encode import Event
from generators.ledger import Ledger
from streamgauge.runtime import kafka
from streamgauge.runtime.connection import causes
from streamgauge.runtime.settings import Settings


def producer_config(settings: Settings) -> dict[str, Any]:
    """Configuration of an idempotent producer, tuned for throughput, that never gives up by itself."""
    return {
        **kafka.producer_config(settings),
        "client.id": "streamgauge-generate",
        "enable.idempotence": True,
        "acks": "all",
        "compression.type": "lz4",
        "linger.ms": 20,
        "batch.num.messages": 20_000,
        "batch.size": 900_000,
        # The backlog of an outage before the shop has to wait; 100 MB is acceptable, a gigabyte is not.
        "queue.buffering.max.messages": 250_000,
        "queue.buffering.max.kbytes": 262_144,
        "message.timeout.ms": 0,
        "message.max.bytes": 1_000_000,
        "reconnect.backoff.max.ms": 1_000,
        **kafka.QUIET,
    }


class Publisher:
    """Sends events and records acknowledged ones, per key in the order of publication."""

    def __init__(self, connect: Callable[..., Producer], ledger: Ledger) -> None:
        # librdkafka reports errors here and retries.
        self._producer = connect(error_cb=self._on_error)
        self.last_error = ""
        self._ledger = ledger
        self._delivered: list[Event] = []
        self._delivered_copies: list[Event] = []
        # The first permanent error, and its topic.
        self.failure: KafkaError | None = None
        self.refused_by = ""
        self.acknowledged = 0
        self.undelivered = 0

    def send(self, events: list[Event], wait: Callable[[], bool], *, copies: bool = False) -> None:
        """Queue events, or `copies` of events sent before.

        Blocks while the queue is full and `wait()` is true; after that, the rest counts as undelivered.
        """
        produce, answered = self._producer.produce, self._on_copy if copies else self._on_delivery
        for event in events:
            while True:
                try:
                    produce(event[0], event[2], event[1], on_delivery=partial(answered, event))
                except BufferError:
                    # The broker is slower than we are, or away.
                    self._producer.poll(0.05)
                    self.record()
                    if self.failure is None and wait():
                        continue
                    if not copies:
                        self._undelivered(event)
                except KafkaException as error:
                    self._fail(error.args[0], event)
                    if not copies:
                        self._undelivered(event)
                break

    def _on_delivery(self, event: Event, error: KafkaError | None, _message: object) -> None:
        if error is None:
            self._delivered.append(event)
        else:
            # Purged at the end of a bounded stop, or rejected permanently.
            if error.code() not in (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT):
                self._fail(error, event)
            self._undelivered(event)

    def _on_copy(self, event: Event, error: KafkaError | None, _message: object) -> None:
        if error is None:
            self._delivered_copies.append(event)

    def _on_error(self, error: KafkaError) -> None:
        # "All brokers down" follows more specific errors; keep those.
        if error.code() != KafkaError._ALL_BROKERS_DOWN or not self.last_error:
            cause = causes.of(error.name(), error.str(), {})
            self.last_error = f" ({cause.text if cause else error.str()})"

    def _fail(self, error: KafkaError, event: Event) -> None:
        if self.failure is None:
            self.failure, self.refused_by = error, event[0]

    def _undelivered(self, event: Event) -> None:
        self._ledger.undelivered[event[0]] += 1
        self.undelivered += 1

    @property
    def waiting(self) -> int:
        """Events sent and not acknowledged yet."""
        return len(self._producer)

    def poll(self, timeout_s: float = 0.0) -> None:
        """Handle delivery reports and record them in the ledger."""
        self._producer.poll(timeout_s)
        self.record()

    def record(self) -> None:
        """Record the events acknowledged so far in the ledger."""
        arrived = self._delivered
        if arrived:
            self._delivered = []
            self._ledger.add(arrived)
            self.acknowledged += len(arrived)
        if self._delivered_copies:
            self._ledger.add_copies(self._delivered_copies)
            self._delivered_copies = []

    def finish(self, give_up: Callable[[], bool]) -> None:
        """Wait until everything is acknowledged; once `give_up()` is true, count the rest as undelivered."""
        while len(self._producer) and self.failure is None and not give_up():
            self.poll(0.1)
        if len(self._producer):
            self._producer.purge()
            self._producer.flush(2.0)
        self.record()
