"""The letters themselves, whole, from their dead-letter topics."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from confluent_kafka import OFFSET_END, Consumer, KafkaException, TopicPartition

from streamgauge.dead_letters.headers import Headers, Place, Said, read
from streamgauge.dead_letters.letter import Letter
from streamgauge.runtime import log_reader
from streamgauge.runtime.errors import StreamgaugeError, UsageError
from streamgauge.runtime.settings import Settings

# Clocks of replicas, and of a broker that stamps by its own, differ by less.
CLOCKS_DIFFER_MS = 300_000
MOST_BYTES = 512 * 1024 * 1024
CHUNK = 500
_CALL_S = 15.0


@dataclass(frozen=True)
class Copy:
    """A dead letter as it lies in its topic: the event's bytes, and headers old and added."""

    lies_at: Place
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp: int

    @property
    def place(self) -> Place:
        """Where the event was; where the letter lies, if it does not say."""
        return self.said.place or self.lies_at

    @cached_property
    def said(self) -> Said:
        """What its headers say."""
        return read(self.headers)

    def completes(self, letter: Letter) -> Letter:
        """A letter that the table no longer has, from its headers; others as they are."""
        if letter.fingerprint:
            return letter
        said = self.said
        return replace(
            letter,
            reason=said.reason,
            fingerprint=said.fingerprint_in(letter.stream),
            field=said.field,
            detail=said.detail,
            attempts=said.attempts,
            root=Place.parse(said.retry_of or "") or letter.place,
            dead_at=datetime.fromtimestamp(self.timestamp / 1_000, UTC),
        )


@contextmanager
def reader(
    settings: Settings, group: str = "streamgauge-dead-letters", options: Mapping[str, object] | None = None
) -> Iterator[Consumer]:
    """A log reader's consumer that reports the end of a partition soon; Kafka's errors become `StreamgaugeError`."""
    # An end is only reported when a fetch returns, so one that has nothing to bring should not take long.
    prompt = {"fetch.wait.max.ms": 20, "fetch.error.backoff.ms": 20}
    consumer = log_reader.consumer(settings, group, {**prompt, **(options or {})})
    try:
        yield consumer
    except KafkaException as error:
        raise StreamgaugeError(f"Kafka: {error.args[0].str()}") from None
    finally:
        consumer.close()


def scan(consumer: Consumer, starts: Iterable[TopicPartition], see: Callable[[Any], bool]) -> None:
    """Read from `starts` until every partition was read to its end, or `see(message)` returns True."""
    for fetched in log_reader.to_end(consumer, starts, most=CHUNK, wait_s=0.5, at_once=True):
        fetched.raise_permanent()
        if any(map(see, fetched.messages)):
            return


def copy_of(message: Any) -> Copy:
    """A consumed message as a copy."""
    return Copy(
        Place(message.topic(), message.partition(), message.offset()),
        message.key(),
        message.value(),
        message.headers() or [],
        message.timestamp()[1],
    )


def fetch(settings: Settings, letters: Iterable[Letter]) -> dict[Place, Copy]:
    """The copies of `letters` by place; those that retention has taken are absent.

    Reads each dead-letter topic from the time of its oldest letter on. Raises `UsageError` past 512 MB.
    """
    wanted: dict[str, dict[Place, Letter]] = defaultdict(dict)
    for letter in letters:
        wanted[letter.letter_topic][letter.place] = letter
    found: dict[Place, Copy] = {}
    size = 0
    with reader(settings) as consumer:
        for topic, missing in wanted.items():

            def see(message: Any, missing: dict[Place, Letter] = missing) -> bool:
                nonlocal size
                copy = copy_of(message)
                if missing.pop(copy.place, None):
                    found[copy.place] = copy
                    size += len(copy.value or b"")
                    if size > MOST_BYTES:
                        raise UsageError("these letters are more than 512 MB; choose fewer at a time")
                return not missing

            oldest = min(letter.dead_at for letter in missing.values()).timestamp()
            scan(consumer, _from(consumer, topic, int(oldest * 1_000) - CLOCKS_DIFFER_MS), see)
    return found


def _from(consumer: Consumer, topic: str, time_ms: int) -> list[TopicPartition]:
    """Where each partition of a topic stood at a time."""
    partitions = log_reader.partitions(consumer, topic)
    for partition in partitions:
        partition.offset = max(time_ms, 0)
    starts = consumer.offsets_for_times(partitions, timeout=_CALL_S) if partitions else []
    # Nothing that new: what is committed from now on would still be seen.
    return [
        TopicPartition(start.topic, start.partition, start.offset if start.offset >= 0 else OFFSET_END)
        for start in starts
    ]
