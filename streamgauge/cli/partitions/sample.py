"""Recorded events for `streamgauge partitions`: from the log itself, which has every event with its key and size.

Not from the raw tables: those need a running warehouse, know no message keys, and are cut by a retention of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import pyarrow as pa
from confluent_kafka import Message, TopicPartition

from streamgauge.catalog.stream import Stream
from streamgauge.domain.key_simulation import Recorded
from streamgauge.runtime import log_reader
from streamgauge.runtime.errors import UsageError
from streamgauge.runtime.settings import Settings

Keys = Callable[[Any], tuple[str, ...]]
TIMEOUT_S = 15.0


@dataclass(frozen=True)
class Sample:
    """Valid events of a topic in the order of each partition's offsets; `bad` more were there that are not."""

    stream: Stream
    partitions: int
    events: list[Recorded]
    bad: int


def fields(stream: Stream) -> dict[str, Keys]:
    """What could be the key: each field of the events that is text or an integer, of list items too; and how to get it.

    A key is text. An event that lacks it has none.
    """
    found: dict[str, Keys] = {}
    for field in stream.columns.schema:
        if _plain(field.type):
            found[field.name] = _own(field.name)
        elif pa.types.is_list(field.type) and pa.types.is_struct(field.type.value_type):
            struct = field.type.value_type
            inner = [struct.field(at) for at in range(struct.num_fields)]
            found |= {one.name: _of_items(field.name, one.name) for one in inner if _plain(one.type)} | found
    return found


def _plain(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_integer(kind))


def _own(name: str) -> Keys:
    def keys(event: Any) -> tuple[str, ...]:
        value = getattr(event, name)
        return () if value is None else (str(value),)

    return keys


def _of_items(name: str, inner: str) -> Keys:
    def keys(event: Any) -> tuple[str, ...]:
        values = (getattr(item, inner) for item in getattr(event, name) or ())
        return tuple(str(value) for value in values if value is not None)

    return keys


def read(settings: Settings, streams: Mapping[str, Stream], key: str | None, events: int) -> list[Sample]:
    """About `events` newest events of each stream, from each partition as large a share of what the log has of it.

    `key` None takes the key the stream has. Raises `UsageError` where a topic does not exist.
    """
    reader = log_reader.consumer(
        settings,
        settings.analytics_group,
        {"client.id": "streamgauge-partitions", "queued.max.messages.kbytes": 32 * 1024},
    )
    try:
        return [_sample(reader, stream, fields(stream)[key or stream.key], events) for stream in streams.values()]
    finally:
        reader.close()


def _sample(reader: Any, stream: Stream, keys: Keys, events: int) -> Sample:
    described = reader.list_topics(stream.topic, timeout=TIMEOUT_S).topics[stream.topic]
    if described.error is not None or not described.partitions:
        raise UsageError(f"topic `{stream.topic}` does not exist; create it with `streamgauge topics`")
    places = [(stream.topic, number) for number in described.partitions]
    spans = {place: reader.get_watermark_offsets(TopicPartition(*place), timeout=TIMEOUT_S) for place in places}
    # Offsets are at least as many as events, so this is a little less than what was asked for.
    share = min(1.0, events / max(1, sum(high - low for low, high in spans.values())))
    ranges = {place: (high - round((high - low) * share), high) for place, (low, high) in spans.items()}
    decode = msgspec.json.Decoder(stream.event).decode
    found: list[Recorded] = []
    bad = 0

    def take(_topic: str, messages: list[Message]) -> None:
        nonlocal bad
        for message in messages:
            value = message.value() or b""
            try:
                event = decode(value)
            except (msgspec.MsgspecError, UnicodeError, RecursionError):
                bad += 1
                continue
            now = (message.key() or b"").decode("utf-8", "replace")
            found.append(Recorded(message.partition(), len(value) + len(message.key() or b""), now, keys(event)))

    log_reader.read_ranges(reader, ranges, take)
    return Sample(stream, len(places), found, bad)
