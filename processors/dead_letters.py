"""A dead letter as a message of its dead-letter topic, and as rows for the models."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from catalog import loader
from processors.intake import DeadLetter, millis
from processors.transactions import Outgoing

PAYLOAD_SHOWN = 4_096


def message(letter: DeadLetter) -> Outgoing:
    """The event untouched, with Kafka Streams' headers (KIP-1034) saying why and where from."""
    record = letter.record
    headers = [
        *(record.source.headers() or []),
        ("__streams.errors.exception", b"InvalidEvent"),
        ("__streams.errors.message", letter.detail.encode(errors="replace")),
        ("__streams.errors.topic", letter.stream.encode()),
        ("__streams.errors.partition", str(record.partition).encode()),
        ("__streams.errors.offset", str(record.offset).encode()),
        ("streamgauge.reason", letter.reason.encode()),
        ("streamgauge.attempt", b"1"),
    ]
    return Outgoing(f"{letter.stream}.dlq", record.value, record.source.key(), headers)


def rows(dead: Sequence[DeadLetter], now_ms: int) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """The dead letters as rows of `dead_letters` and of `*`."""
    origin = [
        pa.array([letter.record.partition for letter in dead], pa.int32()),
        pa.array([letter.record.offset for letter in dead], pa.int64()),
        millis([letter.record.timestamp for letter in dead]),
    ]
    streams = pa.array([letter.stream for letter in dead], pa.string())
    sizes = pa.array([len(letter.record.value or b"") for letter in dead], pa.int64())
    letters = pa.RecordBatch.from_arrays(
        [
            streams,
            pa.array([letter.reason for letter in dead], pa.string()),
            pa.array([_text(letter.detail.encode(errors="replace")) for letter in dead], pa.string()),
            pa.array([_text(letter.record.source.key()) for letter in dead], pa.string()),
            pa.array([_text(letter.record.value) for letter in dead], pa.string()),
            sizes,
            *origin,
        ],
        schema=loader.DEAD_LETTERS,
    )
    no = pa.repeat(False, len(dead))
    latency = pa.array([now_ms - letter.record.timestamp for letter in dead], pa.int64())
    messages = pa.RecordBatch.from_arrays(
        [streams, sizes, origin[2], pa.repeat(True, len(dead)), no, latency, *origin], schema=loader.EVERY_MESSAGE
    )
    return letters, messages


def _text(value: bytes | None) -> str | None:
    """A bounded copy for people; what is not UTF-8 shows as U+FFFD."""
    return None if value is None else value[:PAYLOAD_SHOWN].decode("utf-8", errors="replace")
