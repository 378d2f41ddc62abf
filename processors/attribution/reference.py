"""Reference data in memory: a compacted topic, read whole before the service starts and followed afterwards.

A change takes effect at its event time: `at` returns the version in force then, or the oldest known one for earlier
times. How many versions there are depends on the log: compaction keeps the newest of each key for good, older ones for
a while. No group and no commits: every replica has all of it.
"""

from __future__ import annotations

import logging
import threading
from bisect import bisect_right, insort
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

import msgspec
from confluent_kafka import KafkaError, KafkaException

from streamgauge.catalog.stream import Stream
from streamgauge.runtime import log_reader
from streamgauge.runtime.errors import TransientError
from streamgauge.runtime.log_reader import Fetch
from streamgauge.runtime.settings import Settings

# Versions kept of one key; the oldest are dropped first.
VERSIONS_KEPT = 100
CHUNK = 1_000
SILENCE_S = 60.0
log = logging.getLogger("streamgauge")


class Dated(Protocol):
    """What reference events have in common."""

    @property
    def occurred_at(self) -> int:
        """In force from this time on, ms since the epoch."""


E = TypeVar("E", bound=Dated)


class Versions(Generic[E]):
    """Versions of each key, by time. One thread writes, others read."""

    def __init__(self) -> None:
        self._by_key: dict[str, tuple[E, ...]] = {}

    def put(self, key: str, event: E) -> None:
        """Add a version; of two with the same time the later one counts."""
        kept = [one for one in self._by_key.get(key, ()) if one.occurred_at != event.occurred_at]
        insort(kept, event, key=_time)
        self._by_key[key] = tuple(kept[-VERSIONS_KEPT:])

    def drop(self, key: str) -> None:
        """Forget a key: its tombstone was read."""
        self._by_key.pop(key, None)

    def at(self, key: str, time_ms: int) -> E | None:
        """The version in force at that time, or the oldest; None for an unknown key."""
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
        self._consumer = log_reader.consumer(settings, f"reference-{stream.topic}")

    def read_whole(self, stop: threading.Event) -> None:
        """Read the topic from its beginning to its end; returns early when stopped. Raises `KafkaException` when the
        broker does not answer."""
        starts = log_reader.beginning(self._consumer, self._topic)
        try:
            for fetched in log_reader.to_end(
                self._consumer, starts, most=CHUNK, keep_going=lambda: not stop.is_set(), silence_s=SILENCE_S
            ):
                self._take(fetched)
        except TransientError as error:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"topic `{self._topic}`: {error}")) from None
        log.info("%s: %d keys", self._topic, len(self.versions))

    def follow(self) -> None:
        """Read what has arrived since; does not block."""
        self._take(log_reader.fetch(self._consumer, CHUNK, 0))

    def close(self) -> None:
        """Close the consumer."""
        self._consumer.close()

    def _take(self, fetched: Fetch) -> None:
        for error in fetched.errors:
            log.debug("%s: %s", self._topic, error.args[0].str())
        for message in fetched.messages:
            value = message.value()
            if value is None:
                self.versions.drop((message.key() or b"").decode(errors="replace"))
                continue
            try:
                event: Any = self._decode(value)
            except (msgspec.MsgspecError, UnicodeError, RecursionError):
                self._skipped()
                continue
            self.versions.put(getattr(event, self._key), event)
