"""Dead letters, ours and those of other services: as messages of a dead-letter topic, and as rows for the models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import pyarrow as pa

from processors.analytics.decoder import DeadLetter, Record, millis
from processors.analytics.transactions import Outgoing
from streamgauge.catalog import loader
from streamgauge.dead_letters import headers as letter_headers
from streamgauge.dead_letters.headers import ErrorHeaders, Position

PAYLOAD_SHOWN = 4_096
# What a message says of itself anew each time it fails; what an earlier attempt said is in that attempt's letter.
_RENEWED = {
    letter_headers.ATTEMPT,
    letter_headers.REASON,
    letter_headers.FIELD,
    letter_headers.FINGERPRINT,
}


@dataclass(frozen=True)
class ForeignDeadLetter:
    """A message of a dead-letter topic that another service writes."""

    topic: str
    record: Record

    @cached_property
    def said(self) -> ErrorHeaders:
        """What its headers say."""
        return letter_headers.read(self.record.source.headers())


def message(letter: DeadLetter) -> Outgoing:
    """The event untouched, with Kafka Streams' headers (KIP-1034) saying why and where from, and a few of ours."""
    record = letter.record
    came_with = record.source.headers() or []
    headers = [
        *(header for header in came_with if header[0] not in _RENEWED),
        ("__streams.errors.exception", b"InvalidEvent"),
        ("__streams.errors.message", letter.detail.encode(errors="replace")),
        ("__streams.errors.topic", letter.stream.encode()),
        ("__streams.errors.partition", str(record.partition).encode()),
        ("__streams.errors.offset", str(record.offset).encode()),
        (letter_headers.REASON, letter.reason.encode()),
        (letter_headers.FIELD, (letter.field or "").encode(errors="replace")),
        (letter_headers.FINGERPRINT, letter.fingerprint.encode()),
        (letter_headers.ATTEMPT, str(letter_headers.attempt(came_with)).encode()),
    ]
    return Outgoing(f"{letter.stream}.dlq", record.value, record.source.key(), headers)


def rows(
    dead: Sequence[DeadLetter], foreign: Sequence[ForeignDeadLetter], now_ms: int
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """All of them as rows of `dead_letters`; ours, which alone are events of our streams, as rows of `*` too."""
    listed = [*(_row(letter, now_ms) for letter in dead), *(_foreign_row(letter, now_ms) for letter in foreign)]
    columns = zip(*listed, strict=True) if listed else [()] * len(loader.DEAD_LETTERS)
    letters = pa.RecordBatch.from_arrays(
        [
            millis(column) if pa.types.is_timestamp(field.type) else pa.array(column, field.type)
            for field, column in zip(loader.DEAD_LETTERS, columns, strict=True)
        ],
        schema=loader.DEAD_LETTERS,
    )
    own = letters.slice(0, len(dead))
    stamp = own.column("kafka_timestamp")
    latency = pa.array([now_ms - letter.record.timestamp for letter in dead], pa.int64())
    no = pa.repeat(False, len(dead))
    flags = pa.repeat(True, len(dead)), no
    origin = [own.column("kafka_partition"), own.column("kafka_offset"), stamp]
    messages = pa.RecordBatch.from_arrays(
        [own.column("stream"), own.column("bytes"), stamp, *flags, latency, *origin, no], schema=loader.EVERY_MESSAGE
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
    kafka_timestamp: int
    topic: str
    fingerprint: str
    field: str | None
    event_time: int | None
    attempts: int
    retry_of: str | None
    consumer: str | None
    letter_topic: str
    dead_at: int


def _row(letter: DeadLetter, now_ms: int) -> _Row:
    record = letter.record
    headers = record.source.headers() or []
    return _Row(
        letter.stream,
        letter.reason,
        _text(letter.detail.encode(errors="replace")),
        _text(record.source.key()),
        _text(record.value),
        len(record.value or b""),
        record.partition,
        record.offset,
        record.timestamp,
        letter.stream,
        letter.fingerprint,
        letter.field,
        letter.event_time,
        letter_headers.attempt(headers),
        letter_headers.retry_of(headers),
        None,
        f"{letter.stream}.dlq",
        now_ms,
    )


def _foreign_row(letter: ForeignDeadLetter, now_ms: int) -> _Row:
    record = letter.record
    said = letter.said
    # Without a position of its own, it goes by where it lies.
    position = said.position or Position(letter.topic, record.partition, record.offset)
    return _Row(
        letter.topic,
        said.reason,
        said.detail,
        _text(record.source.key()),
        _text(record.value),
        len(record.value or b""),
        position.partition,
        position.offset,
        said.timestamp or record.timestamp,
        position.topic,
        said.fingerprint_in(letter.topic),
        said.field,
        None,
        said.attempts,
        said.retry_of,
        said.consumer,
        letter.topic,
        min(record.timestamp, now_ms),
    )


def _text(value: bytes | None) -> str | None:
    """A bounded copy for people; what is not UTF-8 shows as U+FFFD."""
    return None if value is None else value[:PAYLOAD_SHOWN].decode("utf-8", errors="replace")
