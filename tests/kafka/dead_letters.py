"""For tests of dead letters: the command, publishing with ids, other systems' headers, another service's consumer."""

from __future__ import annotations

import struct
import subprocess
import threading
from collections.abc import Iterable
from functools import partial
from typing import Any

from confluent_kafka import Consumer, Message

from tests.support import commands
from tests.support.publishing import publishing
from tests.support.rig import Rig

Header = tuple[str, bytes | None]


def environment(rig: Rig) -> dict[str, str]:
    """The rig's settings as a process's environment."""
    return commands.environment(commands.variables(rig.settings))


def start(rig: Rig, *arguments: str) -> subprocess.Popen[str]:
    """`streamgauge dead-letters …`, running."""
    return subprocess.Popen(
        [commands.PROGRAM, "dead-letters", *arguments],
        env=environment(rig),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
    )


def call(rig: Rig, *arguments: str) -> tuple[int, str, str]:
    """`streamgauge dead-letters …`: exit code, standard output, standard error."""
    done = commands.run(environment(rig), "dead-letters", *arguments, timeout_s=150)
    return done.returncode, done.stdout, done.stderr


def publish(
    rig: Rig,
    topic: str,
    messages: Iterable[tuple[bytes | None, Any]],
    headers: list[Header] | None = None,
    timestamp: int = 0,
) -> list[str]:
    """Produce (key, value) pairs in their order; returns the id of each, `topic:partition:offset`.

    `timestamp` (ms) is what the producer claims; 0: now.
    """
    ids: dict[int, str] = {}

    def delivered(number: int, _error: object, message: Message) -> None:
        ids[number] = f"{message.topic()}:{message.partition()}:{message.offset()}"

    with publishing(rig.kafka.bootstrap, message_max_bytes=4_000_000, linger_ms=0) as send:
        for number, (key, value) in enumerate(messages):
            send(topic, key, value, headers=headers or [], timestamp=timestamp, on_delivery=partial(delivered, number))
    return [ids[number] for number in range(len(ids))]


# The headers that a sink connector adds to a failed event of `orders`.
CONNECT: list[Header] = [
    ("__connect.errors.topic", b"orders"),
    ("__connect.errors.partition", b"0"),
    ("__connect.errors.offset", b"3"),
    ("__connect.errors.connector.name", b"orders-sink"),
    ("__connect.errors.stage", b"VALUE_CONVERTER"),
    ("__connect.errors.exception.class.name", b"org.apache.kafka.connect.errors.DataException"),
    ("__connect.errors.exception.message", b"Converting byte[] failed"),
]


def spring(place: str, *, retry_topics: bool = False) -> list[tuple[str, bytes | None]]:
    """Spring's headers for the event with the id `place`: the plain recoverer's, or those of @RetryableTopic."""
    topic, partition, offset = place.split(":")
    prefix = "kafka_" if retry_topics else "kafka_dlt-"
    return [
        (f"{prefix}original-topic", topic.encode()),
        (f"{prefix}original-partition", struct.pack(">i", int(partition))),
        (f"{prefix}original-offset", struct.pack(">q", int(offset))),
        ("kafka_dlt-original-consumer-group", b"billing"),
        (f"{prefix}exception-fqcn", b"org.example.NoSuchCustomer"),
        (f"{prefix}exception-message", b"no customer 'C-9'"),
        *([("retry_topic-attempts", struct.pack(">i", 4))] if retry_topics else []),
    ]


class Billing(threading.Thread):
    """Another service's consumer: reads `invoices` and commits, in the group `billing`."""

    def __init__(self, rig: Rig) -> None:
        super().__init__(daemon=True)
        self.stop = threading.Event()
        self.received: list[tuple[bytes | None, list[tuple[str, bytes]]]] = []
        options = {"bootstrap.servers": rig.kafka.bootstrap, "group.id": "billing", "enable.auto.commit": False}
        self._consumer = Consumer({**options, "auto.offset.reset": "earliest"})

    def run(self) -> None:
        """Read until `stop` is set."""
        self._consumer.subscribe(["invoices"])
        while not self.stop.is_set():
            message = self._consumer.poll(0.1)
            if message is not None and message.error() is None:
                self.received.append((message.value(), message.headers() or []))
                self._consumer.commit(message, asynchronous=False)
        self._consumer.close()
