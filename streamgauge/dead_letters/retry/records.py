"""Records of dead-letter topics: the letters themselves, with key, value and headers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from confluent_kafka import OFFSET_END, Consumer, KafkaException, TopicPartition

from streamgauge.dead_letters import reference
from streamgauge.dead_letters.headers import ErrorHeaders, Headers, Position, read
from streamgauge.dead_letters.letter import Letter
from streamgauge.runtime import log_reader
from streamgauge.runtime.connection.explain import explained
from streamgauge.runtime.connection.rights import Right
from streamgauge.runtime.errors import UsageError
from streamgauge.runtime.kafka.headers import headers_of
from streamgauge.runtime.settings import Settings

# Clocks of replicas and brokers differ by less.
CLOCKS_DIFFER_MS = 300_000
MOST_BYTES = 512 * 1024 * 1024
CHUNK = 500
_CALL_S = 15.0


@dataclass(frozen=True)
class Record:
    """A record of a dead-letter topic, at `position`: the event's bytes, its headers and those added.

    `lost`: the letter only refers to the event, which is gone from its topic; the value is the beginning.
    """

    position: Position
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp: int
    lost: bool = False

    @property
    def bytes(self) -> int:
        """The size of the event's value, also where the letter only refers to it."""
        referred = reference.of(self.headers)
        return referred[1] if referred else len(self.value or b"")

    @property
    def event_position(self) -> Position:
        """Where the event was; the letter's own position where its headers do not name it."""
        return self.error.position or self.position

    def is_of(self, letter: Letter) -> bool:
        """Whether this is the record of the letter: there, or about its event."""
        if letter.place is not None and letter.place[:3] != self.position[:3]:
            return False
        mine, wanted = self.event_position, letter.position
        return mine[:3] == wanted[:3] and (None in (mine.topic_id, wanted.topic_id) or mine.topic_id == wanted.topic_id)

    @cached_property
    def error(self) -> ErrorHeaders:
        """Its error headers, parsed."""
        return read(self.headers)

    def complete(self, letter: Letter) -> Letter:
        """A letter that the table no longer has, filled in from the headers; other letters unchanged."""
        if letter.fingerprint:
            return letter
        error, letter = self.error, replace(letter, position=self.event_position)
        return replace(
            letter,
            reason=error.reason,
            fingerprint=error.fingerprint_in(letter.stream),
            field=error.field,
            detail=error.detail,
            attempts=error.attempts,
            root=Position.parse(error.retry_of or "") or letter.position,
            consumer=error.consumer,
            dead_at=datetime.fromtimestamp(max(self.timestamp, 0) / 1_000, UTC),
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
        raise explained(error, settings, Right("Read", "topic"), Right("Read", "group", group)) from None
    finally:
        consumer.close()


def scan(consumer: Consumer, starts: Iterable[TopicPartition], visit: Callable[[Any], bool]) -> None:
    """Read from `starts` until every partition was read to its end, or `visit(message)` returns True."""
    for fetched in log_reader.to_end(consumer, starts, most=CHUNK, wait_s=0.5, at_once=True):
        fetched.raise_permanent()
        if any(map(visit, fetched.messages)):
            return


def record_of(message: Any) -> Record:
    """The record of a consumed message."""
    return Record(
        Position(message.topic(), message.partition(), message.offset()),
        message.key(),
        message.value(),
        headers_of(message),
        message.timestamp()[1],
    )


def fetch(settings: Settings, letters: Iterable[Letter]) -> dict[Position, Record]:
    """The records of `letters` by the letter's position; those that retention has removed are absent.

    Reads each dead-letter topic from the time of its oldest letter on, and whole where some are not there.
    Raises `UsageError` past 512 MB.
    """
    wanted: dict[str, list[Letter]] = defaultdict(list)
    for letter in letters:
        wanted[letter.letter_topic].append(letter)
    found: dict[Position, Record] = {}
    size = 0
    with reader(settings) as consumer:
        for topic, listed in wanted.items():
            missing: dict[tuple[Any, ...], list[Letter]] = defaultdict(list)
            for letter in listed:
                missing[letter.position[:3]].append(letter)

            def visit(message: Any, missing: dict[tuple[Any, ...], list[Letter]] = missing) -> bool:
                nonlocal size
                record = record_of(message)
                for letter in [one for one in missing.get(record.event_position[:3], ()) if record.is_of(one)]:
                    size += record.bytes - (found[letter.position].bytes if letter.position in found else 0)
                    found[letter.position] = record
                    if size > MOST_BYTES:
                        raise UsageError("these letters have more than 512 MB; choose fewer at a time")
                    # Where the letter does not say which topic of that name, the last record is of the newest.
                    if letter.place or letter.position.topic_id:
                        missing[letter.position[:3]].remove(letter)
                return not any(missing.values())

            # A letter's own timestamp may be its event's (Kafka Connect): then it lies before that time.
            oldest = min(letter.dead_at for letter in listed).timestamp()
            scan(consumer, _from(consumer, topic, int(oldest * 1_000) - CLOCKS_DIFFER_MS), visit)
            if any(letter.position not in found for letter in listed):
                scan(consumer, log_reader.beginning(consumer, topic), visit)
        for position, record in found.items():
            if referred := reference.of(record.headers):
                found[position] = _original(consumer, record, referred[0])
    return found


def _original(consumer: Consumer, record: Record, sha256: str) -> Record:
    """The record with key, value and headers of the event that it refers to; `lost` where that is gone."""
    topic, partition, offset = record.event_position[:3]
    if partition not in {part.partition for part in log_reader.partitions(consumer, topic)}:
        return replace(record, lost=True)
    ranges = {(topic, partition): (offset, offset + 1)}
    for fetched in log_reader.in_ranges(consumer, ranges, wait_s=0.5, at_once=True, silence_s=_CALL_S):
        fetched.raise_permanent()
        for message in fetched.messages:
            key, value = message.key(), message.value()
            if reference.digest(key, value) == sha256:
                return replace(record, key=key, value=value, headers=[*headers_of(message), *record.headers])
    return replace(record, lost=True)


def _from(consumer: Consumer, topic: str, time_ms: int) -> list[TopicPartition]:
    """The first offset of each partition of a topic at or after a time."""
    partitions = log_reader.partitions(consumer, topic)
    for partition in partitions:
        partition.offset = max(time_ms, 0)
    starts = log_reader.at_times(consumer, partitions)
    # No message is that new: start at the end, where new ones will appear.
    return [
        TopicPartition(start.topic, start.partition, start.offset if start.offset >= 0 else OFFSET_END)
        for start in starts
    ]
