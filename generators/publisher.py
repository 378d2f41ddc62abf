"""Events to Kafka, each once, and to the ledger when the broker has them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from generators.encode import Event
from generators.ledger import Ledger
from streamgauge.runtime import kafka
from streamgauge.runtime.settings import Settings


def producer_config(settings: Settings) -> dict[str, Any]:
    """An idempotent producer for throughput that never gives up by itself."""
    return {
        **kafka.client_config(settings),
        "client.id": "streamgauge-generate",
        "enable.idempotence": True,
        "acks": "all",
        # Java's partitioner, so that a key is in the partition where any other client looks for it.
        "partitioner": "murmur2_random",
        "compression.type": "lz4",
        "linger.ms": 20,
        "batch.num.messages": 20_000,
        "batch.size": 900_000,
        # What an outage may pile up before the shop has to wait: about a gigabyte would be too much, 100 MB is not.
        "queue.buffering.max.messages": 250_000,
        "queue.buffering.max.kbytes": 262_144,
        "message.timeout.ms": 0,
        "message.max.bytes": 1_000_000,
        "reconnect.backoff.max.ms": 1_000,
        "log_level": 2,
    }


class Publisher:
    """Sends events and books what the broker acknowledged, in the order in which it was published per key."""

    def __init__(self, connect: Callable[..., Producer], ledger: Ledger) -> None:
        # librdkafka tells its troubles here, and goes on trying.
        self._producer = connect(error_cb=self._on_trouble)
        self.trouble = ""
        self._ledger = ledger
        self._arrived: list[Event] = []
        self._copied: list[Event] = []
        self.failure: KafkaError | None = None
        self.acknowledged = 0
        self.undelivered = 0

    def send(self, events: list[Event], wait: Callable[[], bool], *, copies: bool = False) -> None:
        """Queue events, or `copies` of events sent before. Blocks while the queue is full, for as long as `wait()` says
        so; then the rest is lost."""
        produce, answered = self._producer.produce, self._on_copy if copies else self._on_delivery
        for event in events:
            while True:
                try:
                    produce(event[0], event[2], event[1], on_delivery=partial(answered, event))
                except BufferError:
                    # The broker is slower than we are, or away.
                    self._producer.poll(0.05)
                    self.book()
                    if self.failure is None and wait():
                        continue
                    if not copies:
                        self._lose(event)
                except KafkaException as error:
                    self.failure = self.failure or error.args[0]
                    if not copies:
                        self._lose(event)
                break

    def _on_delivery(self, event: Event, error: KafkaError | None, _message: object) -> None:
        if error is None:
            self._arrived.append(event)
        else:
            # Purged at the end of a bounded stop, or refused for good.
            if error.code() not in (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT):
                self.failure = self.failure or error
            self._lose(event)

    def _on_copy(self, event: Event, error: KafkaError | None, _message: object) -> None:
        if error is None:
            self._copied.append(event)

    def _on_trouble(self, error: KafkaError) -> None:
        # The first line of several: that all brokers are down is also told, and says less.
        if error.code() != KafkaError._ALL_BROKERS_DOWN or not self.trouble:
            self.trouble = f" ({error.name()})"

    def _lose(self, event: Event) -> None:
        self._ledger.undelivered[event[0]] += 1
        self.undelivered += 1

    @property
    def waiting(self) -> int:
        """Events sent and not answered yet."""
        return len(self._producer)

    def poll(self, timeout_s: float = 0.0) -> None:
        """Take delivery reports, and book them."""
        self._producer.poll(timeout_s)
        self.book()

    def book(self) -> None:
        """Move what arrived into the ledger."""
        arrived = self._arrived
        if arrived:
            self._arrived = []
            self._ledger.add(arrived)
            self.acknowledged += len(arrived)
        if self._copied:
            self._ledger.add_copies(self._copied)
            self._copied = []

    def finish(self, give_up: Callable[[], bool]) -> None:
        """Wait until everything is acknowledged; when `give_up()` says so, drop the rest and count it."""
        while len(self._producer) and self.failure is None and not give_up():
            self.poll(0.1)
        if len(self._producer):
            self._producer.purge()
            self._producer.flush(2.0)
        self.book()
