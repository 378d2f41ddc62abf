"""The story of one entity: `FROM story('O-1')`, a table macro over the raw events of every stream.

Columns that identify entities follow from the catalog: fields with the name of a stream's key, in lists too. The story
of an entity that others belong to (`Stream.belongs_to`: an order to its customer) includes their events.

Order: by event time; within a stream and key by offset; and after the cause (the catalog's CAUSES), as long as the
clocks of services differ by at most SKEW_MS. An event that is later than that stands where it happened.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from streamgauge.catalog import causes
from streamgauge.catalog.envelope import Envelope
from streamgauge.catalog.loader import Catalog
from streamgauge.catalog.stream import Stream

NAME = "story"
SKEW_MS = 1_000
# Raw rows are stored in the order of arrival: DuckDB skips the row groups outside.
_SPAN = (
    "(reached_since IS NULL OR {0} >= CAST(reached_since AS TIMESTAMPTZ)) "
    "AND (reached_until IS NULL OR {0} < CAST(reached_until AS TIMESTAMPTZ))"
)
# Every event has these: they are columns of a story of their own, or say nothing about the thing.
_ENVELOPE = {*Envelope.__struct_fields__} - {"occurred_at"}


def identifiers(catalog: Catalog) -> frozenset[str]:
    """The names of the fields that identify entities."""
    return frozenset(stream.key for stream in catalog.own.values())


def macro(catalog: Catalog) -> str | None:
    """The statement that creates the macro; None for a catalog that keeps no raw events of its streams."""
    parts = [_events(catalog, stream) for stream in catalog.own.values() if catalog.raw_table(stream.topic)]
    if not parts:
        return None
    parts.append(
        "SELECT coalesce(event_time, kafka_timestamp, dead_at) AS happened_at, "
        "coalesce(consumer, 'analytics') AS service, topic AS stream, 'dead letter: ' || reason AS event, "
        "key, NULL AS thread, 'key' AS via, false AS whole, "
        "MAP {'detail': detail} AS content, NULL AS event_id, "
        'kafka_partition AS partition, kafka_offset AS "offset", '
        "coalesce(kafka_timestamp, dead_at) AS published_at, dead_at AS arrived_at "
        f"FROM main.dead_letters WHERE key = the_id AND (of_kind IS NULL OR {_keyed(catalog)}) "
        f"AND {_SPAN.format('dead_at')}"
    )
    optional = "of_kind := NULL, reached_since := NULL, reached_until := NULL"
    return f"CREATE OR REPLACE MACRO main.{NAME}(the_id, {optional}) AS TABLE {_ordered(catalog, parts)}"


def _keyed(catalog: Catalog) -> str:
    """SQL condition that a dead letter's key is of the requested kind, as its topic's keys are."""
    topics = {kind: [s.topic for s in catalog.own.values() if s.key == kind] for kind in identifiers(catalog)}
    listed = {kind: ", ".join(f"'{topic}'" for topic in named) for kind, named in sorted(topics.items())}
    return "(" + " OR ".join(f"(of_kind = '{kind}' AND topic IN ({named}))" for kind, named in listed.items()) + ")"


def _events(catalog: Catalog, stream: Stream) -> str:
    """SELECT of one stream's events in the story."""
    names = stream.columns.schema.names
    matches = list(_matches(catalog, stream))
    given = [(f"(of_kind IS NULL OR of_kind = '{kind}') AND {condition}", via) for kind, condition, via in matches]
    via = " ".join(f"WHEN {condition} THEN '{name}'" for condition, name in given)
    matched = " OR ".join(f"({condition})" for condition, _ in given)
    # The story has all events of the key then, so that changes between them can be shown.
    all_of_key = {stream.key, f"its {stream.key}", *_owners(catalog, stream)}
    whole = " OR ".join(f"({condition})" for condition, name in given if name in all_of_key)
    thread = next((f'"{key}"' for key in _threads(catalog) if key in names), None)
    # `previous_state` repeats what the change of `state` shows.
    left_out = _ENVELOPE | {stream.event_time, stream.key} | {f"previous_{name}" for name in names}
    content = ", ".join(
        f"{{'k': '{field.name}', 'v': {_text(field)}}}" for field in stream.columns.schema if field.name not in left_out
    )
    return (
        f'SELECT "{stream.event_time}" AS happened_at, {_named(names, "source", stream.topic)} AS service, '
        f"'{stream.topic}' AS stream, {_named(names, 'event_type', stream.topic)} AS event, "
        f'CAST("{stream.key}" AS VARCHAR) AS key, {thread or "NULL"} AS thread, '
        f"CASE {via} END AS via, coalesce({whole or 'false'}, false) AS whole, "
        f"map_from_entries(list_filter([{content}], e -> e.v IS NOT NULL)) AS content, "
        f"{_named(names, 'event_id', None)} AS event_id, "
        f'kafka_partition AS partition, kafka_offset AS "offset", '
        "coalesce(kafka_timestamp, arrived_at) AS published_at, arrived_at "
        f'FROM main."{catalog.raw_table(stream.topic)}" WHERE ({matched}) AND {_SPAN.format("arrived_at")}'
    )


def _named(names: list[str], column: str, instead: str | None) -> str:
    return f'"{column}"' if column in names else f"'{instead}'" if instead else "NULL"


def _text(field: pa.Field) -> str:
    if pa.types.is_list(field.type):
        return f'CAST(to_json("{field.name}") AS VARCHAR)'
    return f'CAST("{field.name}" AS VARCHAR)'


def _matches(catalog: Catalog, stream: Stream) -> Iterator[tuple[str, str, str]]:
    """How events of the stream may belong to a story: kind of entity, SQL condition, and a word for `via`."""
    kinds, schema = identifiers(catalog), stream.columns.schema
    for field in schema:
        if field.name in kinds and not pa.types.is_list(field.type):
            yield field.name, f'CAST("{field.name}" AS VARCHAR) = the_id', field.name
        elif pa.types.is_list(field.type) and pa.types.is_struct(field.type.value_type):
            for inner in field.type.value_type:
                if inner.name in kinds:
                    listed = f'[CAST(one."{inner.name}" AS VARCHAR) FOR one IN "{field.name}"]'
                    yield inner.name, f"list_contains({listed}, the_id)", f"{field.name}.{inner.name}"
    for owned in catalog.own.values():
        owner = owned.belongs_to
        if catalog.raw_table(owned.topic) and owner and owner not in schema.names and owned.key in schema.names:
            yield owner, f'"{owned.key}" IN (FROM {_keys_of(owned)})', f"its {owned.key}"


def _keys_of(owned: Stream) -> str:
    return f'"{owned.key} of {owned.belongs_to} in {owned.topic}"'


def _owned(catalog: Catalog) -> Iterator[str]:
    """CTEs with the keys that belong to the entity: several streams use them, and each would scan the table again."""
    for owned in catalog.own.values():
        if (table := catalog.raw_table(owned.topic)) and owned.belongs_to:
            yield (
                f'{_keys_of(owned)} AS MATERIALIZED (SELECT DISTINCT "{owned.key}" FROM main."{table}" '
                f"WHERE (of_kind IS NULL OR of_kind = '{owned.belongs_to}') "
                f'AND CAST("{owned.belongs_to}" AS VARCHAR) = the_id),'
            )


def _owners(catalog: Catalog, stream: Stream) -> set[str]:
    """The fields with what the stream's keys belong to."""
    owners = {other.belongs_to for other in catalog.own.values() if other.key == stream.key and other.belongs_to}
    return owners & set(stream.columns.schema.names)


def _threads(catalog: Catalog) -> list[str]:
    """Fields whose values separate chains of cause and effect: in a customer's story each order is a thread."""
    return [stream.key for stream in catalog.own.values() if stream.belongs_to]


def _ordered(catalog: Catalog, parts: list[str]) -> str:
    above, depth = causes.ancestors(catalog.causes), causes.depths(catalog.causes)
    pairs = [(effect, cause) for effect, all_of in sorted(above.items()) for cause in sorted(all_of)]
    listed = ", ".join(f"('{effect}', '{cause}')" for effect, cause in pairs) or "('', '')"
    ranks = ", ".join(f"'{event}': {number}" for event, number in sorted(depth.items()))
    so_far = 'OVER (PARTITION BY stream, key, partition ORDER BY "offset")'
    return f"""
    WITH {" ".join(_owned(catalog))} found AS ({" UNION ALL BY NAME ".join(parts)}),
    by_offset AS (
        SELECT *, max(happened_at) {so_far} AS latest,
               epoch_ms(max(happened_at) {so_far}) - epoch_ms(happened_at) > {SKEW_MS} AS late
        FROM found
    ),
    skewed AS (
        SELECT *, row_number() OVER () AS number, CASE WHEN late THEN happened_at ELSE latest END AS placed
        FROM by_offset
    ),
    begun AS (SELECT thread, event AS cause, min(placed) AS first FROM skewed GROUP BY ALL),
    caused AS (
        SELECT e.number, max(b.first) AS after
        FROM skewed e JOIN (VALUES {listed}) c(effect, cause) ON c.effect = e.event
        JOIN begun b ON b.cause = c.cause AND b.thread IS NOT DISTINCT FROM e.thread
        WHERE epoch_ms(b.first) - epoch_ms(e.placed) BETWEEN 0 AND {SKEW_MS}
        GROUP BY e.number
    ),
    placed AS (
        SELECT s.* EXCLUDE (placed, latest), greatest(s.placed, coalesce(c.after, s.placed)) AS placed,
               coalesce(MAP {{{ranks}}}[s.event], 0) AS depth
        FROM skewed s LEFT JOIN caused c USING (number)
    ),
    ordered AS (
        SELECT *, lag(CASE WHEN whole THEN content END) {so_far} AS before,
               CASE WHEN late THEN placed ELSE max(CASE WHEN NOT late THEN placed END) {so_far} END AS stands,
               max(depth) {so_far} AS rank, max(published_at) {so_far} AS published
        FROM placed
    )
    SELECT row_number() OVER (ORDER BY stands, rank, published, stream, key, partition, "offset") AS seq,
           happened_at, service, stream, event, key, via, late,
           array_to_string(CASE WHEN whole AND before IS NOT NULL
               THEN [name || ': ' || coalesce(before[name], '∅') || ' → ' || content[name]
                     FOR name IN map_keys(content) IF before[name] IS DISTINCT FROM content[name]]
               ELSE [name || ': ' || content[name] FOR name IN map_keys(content)] END, ', ') AS detail,
           CAST(to_json(content) AS VARCHAR) AS fields, event_id, partition, "offset", published_at, arrived_at
    FROM ordered ORDER BY seq"""
