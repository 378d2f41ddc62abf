"""Stream: a topic with its event class, its key field and its event-time field."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import msgspec
import pyarrow as pa

from streamgauge.catalog.columns import Columns

ARRIVED_AT = "arrived_at"
# Position of an event in Kafka and Kafka's timestamp, which is the producer's unless the topic has LogAppendTime; null
# where there is none.
PLACE = (
    pa.field("kafka_partition", pa.int32()),
    pa.field("kafka_offset", pa.int64()),
    pa.field("kafka_timestamp", pa.timestamp("ms", tz="UTC")),
)
# Every model can select these beside the event's own fields. Retention goes by the arrival (analytics/arrival.py).
ORIGIN = (*PLACE, pa.field(ARRIVED_AT, pa.timestamp("ms", tz="UTC")))


@dataclass(frozen=True)
class Stream:
    """`key` and `event_time` name fields of `event`; `event_time` is milliseconds since the epoch (`types.Millis`).

    `amount` names the field with the event's value in integer cents, if it has one. `compacted` marks reference data:
    the log keeps each key's newest event for good, older ones as long as other streams' events. With
    `repeats_within_s`, an event whose `event_id` is repeated within so many seconds counts once (deduplication.py).
    `belongs_to` names the field with the owner of each key (an order's customer), which never changes for a key.
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
        """The topic of events that cannot be processed."""
        return f"{self.topic}.dlq"
