"""Publishes events to a real broker, without the generators, which are under test themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import msgspec
from confluent_kafka import KafkaError, Producer

_encode = msgspec.json.Encoder().encode
FLUSH_S = 60.0


class Send(Protocol):
    """`send(topic, key, event)`: queue one event; bytes and None are sent as they are, anything else as JSON.

    `options` are those of `confluent_kafka.Producer.produce`: partition, timestamp (ms), headers, on_delivery.
    """

    def __call__(self, topic: str, key: str | bytes | None, event: Any, **options: Any) -> None: ...


def ordered_producer(bootstrap: str, **config: object) -> Producer:
    """A producer that neither reorders nor repeats what the broker refuses at first, as it does while a new partition
    has no leader yet. `linger_ms=5` is librdkafka's `linger.ms`. Keys go where Java's clients put them."""
    named = {name.replace("_", "."): value for name, value in config.items()}
    defaults = {"enable.idempotence": True, "partitioner": "murmur2_random"}
    return Producer({"bootstrap.servers": bootstrap, **defaults, **named})


@contextmanager
def publishing(bootstrap: str, **config: object) -> Iterator[Send]:
    """Yields `send`; at the end of the block every event has been acknowledged. Raises `TimeoutError` if not.

    An event that the broker refuses is an error at the end, unless its own `on_delivery` takes it.
    """
    producer = ordered_producer(bootstrap, **config)
    refused: list[KafkaError] = []

    def delivered(error: KafkaError | None, _message: Any) -> None:
        if error is not None:
            refused.append(error)

    def send(topic: str, key: str | bytes | None, event: Any, **options: Any) -> None:
        value = event if event is None or isinstance(event, bytes) else _encode(event)
        while True:
            try:
                producer.produce(topic, value, key, **{"on_delivery": delivered, **options})
                producer.poll(0)
                return
            except BufferError:  # the queue is full
                producer.poll(0.1)

    yield send
    if left := producer.flush(FLUSH_S):
        raise TimeoutError(f"the broker has not acknowledged {left} events within {FLUSH_S:g} s")
    if refused:
        raise AssertionError(f"{len(refused)} events were refused, the first one by {refused[0]}")
