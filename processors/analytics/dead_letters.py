"""Dead letters, our own and those of other services: as messages of a dead-letter topic, and as rows for the models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import pyarrow as pa

from processors.analytics import arrival
from processors.analytics.decoder import DeadLetter, Record, latency, millis
from processors.analytics.transactions import Outgoing
from streamgauge.catalog import loader
from streamgauge.catalog.stream import PLACE
from streamgauge.dead_letters import fitting, headers
from streamgauge.dead_letters.fitting import PAYLOAD_SHOWN
from streamgauge.dead_letters.headers import ErrorHeaders, Position
from streamgauge.dead_letters.outputs import USUAL_BYTES
from streamgauge.runtime.kafka.headers import headers_of


@dataclass(frozen=True)
class ForeignDeadLetter:
    """A message of a dead-letter topic that another service writes."""

    topic: str
    record: Record

    @cached_property
    def error(self) -> ErrorHeaders:
        """Its headers, parsed."""
        return headers.read(headers_of(self.record.source))


def message(letter: DeadLetter, topic_id: str | None = None, limit: int = USUAL_BYTES) -> Outgoing:
    """The original event with Kafka Streams' headers (KIP-1034) for cause and position, and some of ours.

    `topic_id` is that of the topic it was read from, where the broker gives one; `limit` is what the dead-letter topic
    takes, in bytes.
    """
    record, original = letter.record, headers_of(letter.record.source)
    position = Position(letter.stream, record.partition, record.offset, topic_id)
    added = [
        *headers.failure("InvalidEvent", letter.detail, position),
        (headers.REASON, letter.reason.encode()),
        (headers.FIELD, (letter.field or "").encode(errors="replace")),
        (headers.FINGERPRINT, letter.fingerprint.encode()),
        (headers.ATTEMPT, str(headers.attempt(original)).encode()),
    ]
    key, value, fitted = fitting.fit(record.source.key(), record.value, original, added, position, limit)
    return Outgoing(f"{letter.stream}.dlq", value, key, fitted, stream=letter.stream)


def rows(
    dead: Sequence[DeadLetter],
    foreign: Sequence[ForeignDeadLetter],
    now_ms: int,
    topic_ids: Mapping[str, str] | None = None,
    *,
    again: bool = False,
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """All of them as rows of `dead_letters`; and our own, which are events of our streams, as rows of `*`.

    Ours became dead letters now, those of others when they arrived; those that a rebuild reads `again` then too.
    """
    ids = topic_ids or {}
    listed = [
        *(_row(letter, letter.record.arrival if again else now_ms, ids.get(letter.stream)) for letter in dead),
        *(_foreign_row(letter, ids) for letter in foreign),
    ]
    columns = zip(*listed, strict=True) if listed else [()] * len(loader.DEAD_LETTERS)
    letters = pa.RecordBatch.from_arrays(
        [
            millis(column) if pa.types.is_timestamp(field.type) else pa.array(column, field.type)
            for field, column in zip(loader.DEAD_LETTERS, columns, strict=True)
        ],
        schema=loader.DEAD_LETTERS,
    )
    own = letters.slice(0, len(dead))
    no = pa.repeat(False, len(dead))
    flags = pa.repeat(True, len(dead)), no
    counted_at = millis([letter.counted_at for letter in dead])
    arrived_at = millis([letter.record.arrival for letter in dead])
    origin = [*(own.column(field.name) for field in PLACE), arrived_at]
    messages = pa.RecordBatch.from_arrays(
        [own.column("stream"), own.column("bytes"), counted_at, *flags, latency(origin, now_ms), *origin, no, no, no],
        schema=loader.EVERY_MESSAGE,
    )
    return letters, messages


class _Row(NamedTuple):
    """In the order of `loader.DEAD_LETTERS`; times are milliseconds."""

    stream: str
    reason: str
    detail: str | None
    key: str | None
    payload: str | None
    bytes: int
    kafka_partition: int
    kafka_offset: int
    kafka_timestamp: int | None
    topic: str
    kafka_topic_id: str | None
    fingerprint: str
    field: str | None
    event_time: int | None
    attempts: int
    retry_of: str | None
    consumer: str | None
    letter_topic: str
    letter_partition: int | None
    letter_offset: int | None
    dead_at: int


def _row(letter: DeadLetter, dead_at: int, topic_id: str | None) -> _Row:
    record = letter.record
    original = headers_of(record.source)
    return _Row(
        letter.stream,
        letter.reason,
        _text(letter.detail.encode(errors="replace")),
        _text(record.source.key()),
        _text(record.value),
        len(record.value or b""),
        record.partition,
        record.offset,
        _known(record.timestamp),
        letter.stream,
        topic_id,
        letter.fingerprint,
        letter.field,
        letter.event_time,
        headers.attempt(original),
        headers.retry_of(original),
        None,
        f"{letter.stream}.dlq",
        None,
        None,
        dead_at,
    )


def _foreign_row(letter: ForeignDeadLetter, topic_ids: Mapping[str, str]) -> _Row:
    record = letter.record
    error = letter.error
    # Without a position of its own, it goes by where it lies.
    position = error.position or Position(letter.topic, record.partition, record.offset)
    return _Row(
        letter.topic,
        error.reason,
        error.detail,
        _text(record.source.key()),
        _text(record.value),
        len(record.value or b""),
        position.partition,
        position.offset,
        error.timestamp or _known(record.timestamp),
        position.topic,
        position.topic_id or topic_ids.get(position.topic),
        error.fingerprint_in(letter.topic),
        error.field,
        None,
        error.attempts,
        error.retry_of,
        error.consumer,
        letter.topic,
        record.partition,
        record.offset,
        record.arrival,
    )


def _known(timestamp: int) -> int | None:
    return None if timestamp == arrival.ABSENT else timestamp


def _text(value: bytes | None) -> str | None:
    """A bounded copy for display; what is not UTF-8 becomes U+FFFD."""
    return None if value is None else value[:PAYLOAD_SHOWN].decode("utf-8", errors="replace")
