"""Search criteria for events, their choices from the catalog, and the position of an event. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from dashboard.data.view_state import moment
from dashboard.pages.events import queries
from dashboard.pages.events.queries import Field
from streamgauge.catalog.loader import Catalog
from streamgauge.catalog.stream import ORIGIN, Stream
from streamgauge.warehouse import story

ALL = "all"
# Fields of every event, which do not distinguish one from another.
ENVELOPE = frozenset({"event_id", "event_type", "source", "schema_version"})
_ORIGIN = frozenset(field.name for field in ORIGIN)
_WHAT = 300
# Parameters with another meaning: an id of such a name is given by its full field name.
_FRAME = {"range", "from", "to", "compare", "zone", "refresh"}
TAKEN = frozenset({"stream", "type", "key", "field", "match", "value", "before", "open", *_FRAME})


@dataclass(frozen=True)
class Criteria:
    """The filters as in the address; empty is any."""

    stream: str = ALL
    type: str = ""
    key: str = ""
    field: str = ""
    contains: bool = False
    value: str = ""

    @property
    def by(self) -> Field | None:
        """The field to search by, if any."""
        return Field(self.field, self.contains) if self.field and self.value else None

    @property
    def exact(self) -> bool:
        """Whether it filters by key or field, which no window table counts."""
        return bool(self.key or self.by)

    def streams(self, catalog: Catalog) -> list[str]:
        """The streams to search."""
        if self.stream != ALL:
            return [self.stream]
        if not self.type:
            return queries.services(catalog)
        return [topic for topic in queries.kept(catalog) if self.type in type_choices(catalog, topic)]


@dataclass(frozen=True)
class EventPosition:
    """Position of an event: `orders/3/1234/1763884800123`; the last part is its Kafka timestamp in ms."""

    stream: str
    partition: int
    offset: int
    at: datetime

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> EventPosition:
        """Position of a row of a search or a story."""
        return cls(row["stream"], row["partition"], row["offset"], row["arrived_at"])

    @classmethod
    def read(cls, text: str) -> EventPosition | None:
        """Parse the text of an address; None if it is invalid."""
        stream, *numbers = text.rsplit("/", 3)
        if len(numbers) != 3 or not all(number.isascii() and number.isdigit() for number in numbers):
            return None
        partition, offset, ms = map(int, numbers)
        if partition >= 1 << 31 or offset >= 1 << 63 or ms >= 1 << 42:
            return None
        return cls(stream, partition, offset, datetime.fromtimestamp(ms / 1_000, UTC))

    def __str__(self) -> str:
        return f"{self.stream}/{self.partition}/{self.offset}/{round(self.at.timestamp() * 1_000)}"


def type_choices(catalog: Catalog, stream: str) -> list[str]:
    """The event types of a stream, or of all of them."""
    topics = queries.kept(catalog) if stream == ALL else [stream]
    return [one for topic in topics for one in (queries.types_of(catalog.streams[topic]) or (topic,))]


def field_choices(catalog: Catalog, streams: Sequence[str]) -> list[str]:
    """Columns of these streams' raw tables, with the fields of lists; id fields first."""
    names: dict[str, None] = {}
    for topic in streams:
        for field in catalog.streams[topic].schema:
            names[field.name] = None
            if pa.types.is_list(field.type) and pa.types.is_struct(field.type.value_type):
                names |= {f"{field.name}.{inner}": None for inner in queries.named(field.type.value_type)}
    kinds = story.identifiers(catalog)
    return sorted(names, key=lambda name: name.rpartition(".")[2] not in kinds)


def misfit(catalog: Catalog, streams: Sequence[str], criteria: Criteria) -> str | None:
    """What the field holds (`whole numbers`, …), if the value cannot match in any stream; else None."""
    if criteria.by is None or criteria.contains or "." in criteria.field:
        return None
    schemas = [catalog.streams[topic].schema for topic in streams]
    kinds = [schema.field(criteria.field).type for schema in schemas if criteria.field in schema.names]
    holds = [_holds(kind, criteria.value) for kind in kinds]
    return holds[0] if holds and None not in holds else None


def _holds(kind: pa.DataType, value: str) -> str | None:
    """None if the value is of the type, else a name of the type."""
    if pa.types.is_timestamp(kind):
        return None if moment(value) else "times, such as 2026-11-23T14:03:07Z"
    if pa.types.is_boolean(kind):
        return None if value.lower() in ("true", "false") else "true or false"
    try:
        if pa.types.is_integer(kind):
            int(value)
        elif pa.types.is_floating(kind):
            float(value)
    except ValueError:
        return "whole numbers" if pa.types.is_integer(kind) else "numbers"
    return None


def things(catalog: Catalog, params: Mapping[str, str]) -> tuple[str, str] | None:
    """Id field and id in the parameters of an address, `order=O-1` or `order_id=O-1`; None without one."""
    for kind in sorted(story.identifiers(catalog)):
        for name in {kind, short(kind)} - TAKEN:
            if value := params.get(name, "").strip():
                return kind, value
    return None


def short(kind: str) -> str:
    """`order_id` → `order`: its name in the address and in texts."""
    return kind.removesuffix("_id")


def fields(row: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an event, without absent ones and the Kafka columns."""
    event: dict[str, Any] = json.loads(row["event"])
    return {name: value for name, value in event.items() if value is not None and name not in _ORIGIN}


def what(stream: Stream, event: Mapping[str, Any]) -> str:
    """One line with the fields that distinguish an event from others of its stream."""
    known = ENVELOPE | {stream.key, stream.event_time}
    left = {name: value for name, value in event.items() if name not in known}
    text = ", ".join(
        f"{name}: {value if isinstance(value, str) else json.dumps(value)}" for name, value in left.items()
    )
    return text if len(text) <= _WHAT else text[: _WHAT - 1] + "…"
