"""A stream: a topic, its event class, its key field and its event-time field."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import msgspec
import pyarrow as pa

from streamgauge.catalog.columns import Columns

# Where an event came from; every model sees these beside the event's own fields.
ORIGIN = (
    pa.field("kafka_partition", pa.int32()),
    pa.field("kafka_offset", pa.int64()),
    pa.field("kafka_timestamp", pa.timestamp("ms", tz="UTC")),
)


@dataclass(frozen=True)
class Stream:
    """`key` and `event_time` name fields of `event`; `event_time` is milliseconds since the epoch (`types.Millis`).

    `amount` names the field with what an event is worth, in integer cents, where there is one. `compacted` is reference
    data: the log keeps each key's newest event for good, and the older ones for as long as other streams' events.
    `repeats_within_s` counts an event whose `event_id` comes again within so many seconds once (deduplication.py).
    `belongs_to` names the field with what each key belongs to (an order to its customer): one value for a key, always.
    """

    topic: str
    event: type[msgspec.Struct]
    key: str
    event_time: str = "occurred_at"
    amount: str | None = None
    compacted: bool = False
    repeats_within_s: int | None = None
    belongs_to: str | None = None

    @cached_property
    def columns(self) -> Columns:
        """How events become Arrow columns."""
        return Columns(self.event)

    @cached_property
    def schema(self) -> pa.Schema:
        """Columns of the relation `events` that models select from: the event's fields, then its origin."""
        return pa.schema([*self.columns.schema, *ORIGIN])

    @property
    def dead_letter_topic(self) -> str:
        """Where events go that cannot be processed."""
        return f"{self.topic}.dlq"
