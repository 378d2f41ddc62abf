"""Queries of the page Events. Raw tables are in order of arrival, so DuckDB skips row groups by `arrived_at`: each
search is limited to a range of it, newest slice first (`$slice_s`).

Names of tables and columns come from the catalog only; what a reader typed is a parameter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from dashboard.data.query import Query
from streamgauge.catalog.loader import Catalog
from streamgauge.catalog.stream import Stream

# Rows of a page; one more is fetched, to know whether there are more.
PAGE = 50
MOST = PAGE + 1
# The newest slice first, because it usually holds a page of events; then larger and larger ones.
SLICE_S = 60
DAY_S = 86_400
_CONTAINS = ".contains"
# A measure of a window model that counts the events of one type, and nothing else.
_COUNTED = re.compile(
    r"(?:SELECT|,)\s*count\(\*\)\s+FILTER\s+\(WHERE\s+event_type = '([^']+)'\)\s+AS\s+(\w+)\s*(?=,|\n|FROM)"
)
_NOTHING: Mapping[str, object] = {
    "type": None,
    "key": None,
    "value": None,
    "slice_s": DAY_S,
    "at": None,
    "at_stream": None,
    "at_partition": None,
    "at_offset": None,
}


@dataclass(frozen=True)
class Field:
    """A field of events to search by: `items.sku` is a field in a list."""

    name: str
    contains: bool = False

    def condition(self, schema: pa.Schema) -> str | None:
        """SQL condition on a raw table of this schema; None if it has no such field."""
        outer, _, inner = self.name.partition(".")
        if outer not in schema.names:
            return None
        kind = schema.field(outer).type
        if inner:
            if not (pa.types.is_list(kind) and pa.types.is_struct(kind.value_type) and inner in named(kind.value_type)):
                return None
            listed = f'[CAST(one."{inner}" AS VARCHAR) FOR one IN "{outer}"]'
            if self.contains:
                return f"contains(lower(array_to_string({listed}, chr(10))), lower($value::VARCHAR))"
            return f"list_contains({listed}, $value::VARCHAR)"
        if pa.types.is_list(kind):
            return f'contains(lower(CAST(to_json("{outer}") AS VARCHAR)), lower($value::VARCHAR))'
        if self.contains:
            return f'contains(lower(CAST("{outer}" AS VARCHAR)), lower($value::VARCHAR))'
        return f'"{outer}" = TRY_CAST($value AS {sql_type(kind)})'


def named(kind: pa.StructType) -> list[str]:
    """Field names of a struct."""
    return [kind.field(at).name for at in range(kind.num_fields)]


def sql_type(kind: pa.DataType) -> str:
    """SQL type that the reader's value is cast to."""
    if pa.types.is_timestamp(kind):
        return "TIMESTAMPTZ"
    if pa.types.is_integer(kind):
        return "BIGINT"
    if pa.types.is_floating(kind):
        return "DOUBLE"
    return "BOOLEAN" if pa.types.is_boolean(kind) else "VARCHAR"


def types_of(stream: Stream) -> tuple[str, ...]:
    """Event types that the stream's class allows; empty if it does not restrict them."""
    annotation = stream.event.__annotations__.get("event_type")
    return tuple(str(one) for one in getattr(annotation, "__args__", ()))


def kept(catalog: Catalog) -> list[str]:
    """The streams with a raw table."""
    return [topic for topic in catalog.streams if catalog.raw_table(topic)]


def services(catalog: Catalog) -> list[str]:
    """Streams that services publish, without those that Streamgauge itself produces."""
    return [topic for topic in kept(catalog) if topic in catalog.own]


def search(catalog: Catalog, streams: Sequence[str], field: Field | None = None) -> Query | None:
    """Query of a page of the newest events of these streams; None if none of them has the field."""
    parts = [part for topic in streams if (part := _events(catalog, catalog.streams[topic], field))]
    if not parts:
        return None
    by = f".{field.name}{_CONTAINS if field.contains else ''}" if field else ""
    return Query(
        f"{_called(catalog, streams)}{by}",
        "The newest events of the range, by when they reached Kafka, that match the filters; one more than a page.",
        "\nUNION ALL\n".join(f"({part})" for part in parts)
        + f'\nORDER BY arrived_at DESC, stream, partition DESC, "offset" DESC LIMIT {MOST}',
        tuple(streams) if len(streams) == 1 else (),
        _NOTHING,
    )


def _called(catalog: Catalog, streams: Sequence[str]) -> str:
    return f"events.search.{'all' if list(streams) == services(catalog) else '-'.join(streams)}"


def _events(catalog: Catalog, stream: Stream, field: Field | None) -> str | None:
    table, names, topic = catalog.raw_table(stream.topic), stream.schema.names, _quoted(stream.topic)
    matches = field.condition(stream.schema) if field else None
    if table is None or (field and matches is None):
        return None
    by_type = '"event_type" = $type' if "event_type" in names else f"$type = {topic}"
    conditions = [
        # Relative to the newest event wanted; a constant, by which DuckDB skips row groups.
        "arrived_at < least($until::TIMESTAMPTZ, coalesce($at::TIMESTAMPTZ + INTERVAL 1 MILLISECOND, "
        "$until::TIMESTAMPTZ))",
        "arrived_at >= greatest($since::TIMESTAMPTZ, "
        "least($until::TIMESTAMPTZ, coalesce($at::TIMESTAMPTZ, $now::TIMESTAMPTZ)) - to_seconds($slice_s))",
        f"($type::VARCHAR IS NULL OR {by_type})",
        f'($key::VARCHAR IS NULL OR CAST("{stream.key}" AS VARCHAR) = $key)',
        f"($at::TIMESTAMPTZ IS NULL OR arrived_at < $at::TIMESTAMPTZ OR {topic} > $at_stream "
        f"OR ({topic} = $at_stream AND (kafka_partition < $at_partition::INTEGER "
        "OR (kafka_partition = $at_partition::INTEGER AND kafka_offset < $at_offset::BIGINT))))",
        f"($value::VARCHAR IS NULL OR {matches})" if matches else "",
    ]
    where = "\n    AND ".join(filter(None, conditions))
    return (
        f'SELECT {shown(stream)}\nFROM (\n  SELECT * FROM "{table}"\n  WHERE {where}\n'
        f"  ORDER BY arrived_at DESC, kafka_partition DESC, kafka_offset DESC LIMIT {MOST}\n) e"
    )


def shown(stream: Stream) -> str:
    """Select list of an event `e`, the same for all streams; `event` is its row as JSON."""
    event_type = '"event_type"' if "event_type" in stream.schema.names else _quoted(stream.topic)
    return (
        f'{_quoted(stream.topic)} AS stream, {event_type} AS event_type, CAST("{stream.key}" AS VARCHAR) AS key, '
        f'"{stream.event_time}" AS happened_at, arrived_at, kafka_partition AS partition, '
        'kafka_offset AS "offset", CAST(to_json(e) AS VARCHAR) AS event'
    )


def one(catalog: Catalog, topic: str) -> Query | None:
    """Query of one event by its position; None if the stream has no raw table."""
    table = catalog.raw_table(topic)
    if table is None:
        return None
    return Query(
        f"events.one.{topic}",
        "One event, by partition and offset; its time limits the scan.",
        f'SELECT {shown(catalog.streams[topic])}\nFROM "{table}" e\n'
        "WHERE arrived_at = $at::TIMESTAMPTZ AND kafka_partition = $partition::INTEGER "
        "AND kafka_offset = $offset::BIGINT\nLIMIT 1",
        (topic,),
        {"at": None, "partition": None, "offset": None},
    )


# By event time: a late event counts where it happened.
STREAMS = Query(
    "events.streams",
    "Events of each stream in each bar of the range: what tables count, without dead letters, repeats and tombstones.",
    """
SELECT time_bucket(to_seconds($bucket_s), window_start) AS bucket, stream AS name,
       sum(events - dead_letters - repeated - tombstones)::BIGINT AS events
FROM stream_windows
WHERE window_start >= $since::TIMESTAMPTZ AND window_start < $until::TIMESTAMPTZ
  AND ($stream::VARCHAR IS NULL OR stream = $stream)
GROUP BY ALL
ORDER BY bucket, name
""",
    defaults={"stream": None},
)


def types(catalog: Catalog, topic: str) -> tuple[Query | None, frozenset[str]]:
    """Query of a stream's events by type, and the types that a window table counts; None if none counts any."""
    known = types_of(catalog.streams[topic])
    windows = [model for model in catalog.models_of(topic) if model.merge == "window"]
    counted = [(model.name, dict(_COUNTED.findall(model.delta_sql))) for model in windows]
    table, columns = max(counted, key=lambda one: len(one[1]), default=("", {}))
    names = [name for name in known if name in columns]
    if not names:
        return None, frozenset()
    parts = "\nUNION ALL\n".join(
        f'SELECT window_start, {_quoted(name)} AS name, "{columns[name]}" AS events FROM "{table}"\n'
        "WHERE window_start >= $since::TIMESTAMPTZ AND window_start < $until::TIMESTAMPTZ"
        for name in names
    )
    query = Query(
        f"events.types.{topic}",
        "Events of the stream by type in each bar of the range.",
        "SELECT time_bucket(to_seconds($bucket_s), window_start) AS bucket, name, sum(events)::BIGINT AS events"
        f"\nFROM (\n{parts}\n)\nWHERE events > 0\nGROUP BY ALL\nORDER BY bucket, name",
        (topic,),
    )
    return query, frozenset(names)


def every(catalog: Catalog) -> list[Query]:
    """All queries of the page without a field; those with a field are made on request (`called`)."""
    raw = kept(catalog)
    made = [search(catalog, streams) for streams in _searched(catalog)]
    made += [query for topic in raw for query in (types(catalog, topic)[0], one(catalog, topic))]
    return [STREAMS, *(query for query in made if query)]


def called(catalog: Catalog, name: str) -> Query | None:
    """The search by a field that has this query name: a link may be older than the process."""
    for streams in _searched(catalog):
        before, _, by = name.partition(f"{_called(catalog, streams)}.")
        if by and not before:
            field = Field(by.removesuffix(_CONTAINS), by.endswith(_CONTAINS))
            if query := search(catalog, streams, field):
                return query
    return None


def _searched(catalog: Catalog) -> list[list[str]]:
    """Sets of streams that are searched together: those of services, each stream, and those that share a type."""
    raw, types = kept(catalog), dict[str, list[str]]()
    for topic in raw:
        for one in types_of(catalog.streams[topic]):
            types.setdefault(one, []).append(topic)
    return [services(catalog), *([topic] for topic in raw), *(topics for topics in types.values() if len(topics) > 1)]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
