"""Sample of recorded events for `streamgauge partitions`, read from the log: every event, with its key and size.

Not from the raw tables: those need a running warehouse, lack message keys, and have a shorter retention.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import pyarrow as pa
from confluent_kafka import Message

from streamgauge.catalog.stream import Stream
from streamgauge.domain.key_simulation import Recorded
from streamgauge.runtime import log_reader
from streamgauge.runtime.errors import UsageError
from streamgauge.runtime.settings import Settings

Keys = Callable[[Any], tuple[str, ...]]
TIMEOUT_S = 15.0


@dataclass(frozen=True)
class Sample:
    """Valid events of a topic, in offset order within a partition; `bad` counts the invalid ones left out."""

    stream: Stream
    partitions: int
    events: list[Recorded]
    bad: int


def fields(stream: Stream) -> dict[str, Keys]:
    """Getters of possible keys, by field: fields of the events or of their list items that are text or integers.

    A getter returns the keys of an event as text; none where the field is missing.
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
    """Read about the `events` newest events of each stream, the same share of each partition.

    `key` None is the stream's own key. Raises `UsageError` where a topic does not exist.
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
    spans = {place: log_reader.span(reader, place) for place in places}
    # There are at least as many offsets as events, so this gives slightly fewer than requested.
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
