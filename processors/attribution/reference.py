"""Reference data in memory: a compacted topic, read whole before the service starts and followed from then on.

A change takes effect at its event time: `at` gives the version that was in force then, or, for a time before all of
them, the oldest that is known. How many versions there are is for the log to say: compaction keeps the newest of each
key for good, and the older ones for a while. No group, no commits: every replica has all of it.
"""

from __future__ import annotations

import logging
import threading
import time
from bisect import bisect_right, insort
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from streamgauge.catalog.stream import Stream
from streamgauge.runtime import kafka
from streamgauge.runtime.settings import Settings

# Of one key; the oldest go first.
VERSIONS_KEPT = 100
CHUNK = 1_000
NO_ANSWER_AFTER_S = 60.0
log = logging.getLogger("streamgauge")


class Dated(Protocol):
    """What reference events have in common."""

    @property
    def occurred_at(self) -> int:
        """In force from then on, ms since the epoch."""


E = TypeVar("E", bound=Dated)


class Versions(Generic[E]):
    """What is known of each key, by time. One thread writes, others read."""

    def __init__(self) -> None:
        self._by_key: dict[str, tuple[E, ...]] = {}

    def put(self, key: str, event: E) -> None:
        """A version; of two with the same time the later one counts."""
        kept = [one for one in self._by_key.get(key, ()) if one.occurred_at != event.occurred_at]
        insort(kept, event, key=_time)
        self._by_key[key] = tuple(kept[-VERSIONS_KEPT:])

    def drop(self, key: str) -> None:
        """Forget a key: its tombstone was read."""
        self._by_key.pop(key, None)

    def at(self, key: str, time_ms: int) -> E | None:
        """The version in force at that time, or the oldest; None where the key is not known."""
        versions = self._by_key.get(key)
        if not versions:
            return None
        return versions[max(0, bisect_right(versions, time_ms, key=_time) - 1)]

    def __len__(self) -> int:
        return len(self._by_key)


def _time(event: Dated) -> int:
    return event.occurred_at


class Follower(Generic[E]):
    """Fills `versions` from a stream's topic."""

    def __init__(self, settings: Settings, stream: Stream, skipped: Callable[[], None]) -> None:
        self.versions: Versions[E] = Versions()
        self._topic, self._key = stream.topic, stream.key
        self._decode = msgspec.json.Decoder(stream.event).decode
        self._skipped = skipped
        self._consumer = Consumer(
            {
                **kafka.client_config(settings),
                # Asked for, and never used: nothing is committed and no group is joined.
                "group.id": f"reference-{stream.topic}",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "log_level": 0,
            }
        )

    def read_whole(self, stop: threading.Event) -> None:
        """Read the topic from its beginning to its end; returns early when stopped. Raises `KafkaException` when the
        broker does not answer."""
        described = self._consumer.list_topics(self._topic, timeout=10).topics[self._topic]
        waiting = set(described.partitions)
        self._consumer.assign([TopicPartition(self._topic, number, OFFSET_BEGINNING) for number in waiting])
        deadline = time.monotonic() + NO_ANSWER_AFTER_S
        while waiting and not stop.is_set():
            messages = self._consumer.consume(CHUNK, 0.2)
            waiting -= {number for number in map(self._take, messages) if number is not None}
            if messages:
                deadline = time.monotonic() + NO_ANSWER_AFTER_S
            elif time.monotonic() > deadline:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"nothing comes of topic `{self._topic}`"))
        log.info("%s: %d keys", self._topic, len(self.versions))

    def follow(self) -> None:
        """Take what has come since; does not block."""
        for message in self._consumer.consume(CHUNK, 0):
            self._take(message)

    def close(self) -> None:
        """Let go of the broker."""
        self._consumer.close()

    def _take(self, message: Any) -> int | None:
        """Take one message; the number of a partition whose end it is."""
        if error := message.error():
            if error.code() == KafkaError._PARTITION_EOF:
                return int(message.partition())
            log.debug("%s: %s", self._topic, error.str())
            return None
        value = message.value()
        if value is None:
            self.versions.drop((message.key() or b"").decode(errors="replace"))
            return None
        try:
            event: Any = self._decode(value)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            self._skipped()
            return None
        self.versions.put(getattr(event, self._key), event)
        return None
