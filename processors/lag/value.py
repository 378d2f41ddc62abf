"""Value of what waits behind a group, from the raw tables: distinct keys, and the money of their last waiting event.

The keys of a stream lie in one partition each, so the figures of partitions add up to the topic's. A dead-lettered
event counts as one that the tables have, without key and money. `waiting_complete` is whether the tables have all that
waits; with only part of it (yet, or no longer), the figures are lower bounds:

What a group has to read starts at its committed offset, or later: where retention or an aborted transaction left
nothing.

1. Complete when there are as many events as offsets between that start and the end.
2. Complete when offsets are missing in the middle, as transactions leave them, but the table goes back to before the
   start, and reaches the end except for the last offset, which is then a transaction's too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import pyarrow as pa

from processors.lag.history import Row
from streamgauge.catalog.loader import Catalog

# Offsets before the start that show whether the table reaches back to it: an event and a marker.
BEFORE = 2
# The warehouse accepts 100 kB of SQL: of more lagging partitions, those with the longest lag are taken.
MOST_ROWS = 1_500


class Source(Protocol):
    """Runs SQL queries: `streamgauge.warehouse.client.Warehouse`."""

    def query(self, sql: str, params: Sequence[Any] = ()) -> pa.Table:
        """Result of one SELECT; raises what `Warehouse.query` raises."""
        ...


def fill_values(rows: Iterable[Row], catalog: Catalog, source: Source) -> None:
    """Set the rows' `waiting_…`, with one query for all. Raises what `Warehouse.query` raises."""
    lagging: list[Row] = []
    streams = {topic: stream for topic, stream in catalog.own.items() if catalog.raw_table(topic) is not None}
    for row in rows:
        stream = streams.get(row.topic)
        if stream is None or row.lag is None:
            continue
        if row.lag == 0:
            row.waiting_keys, row.waiting_complete = 0, True
            row.waiting_cents = 0 if stream.amount else None
        else:
            lagging.append(row)
    if not lagging:
        return
    lagging = sorted(lagging, key=lambda row: -(row.lag or 0))[:MOST_ROWS]
    for result in source.query(statement(lagging, catalog)).to_pylist():
        row = lagging[result["n"]]
        if result["keys"]:
            row.waiting_keys, row.waiting_cents = result["keys"], result["cents"]
        row.waiting_complete = complete(row, result)


def complete(row: Row, result: Mapping[str, Any]) -> bool:
    """Rules 1 and 2, given the query's result for the row."""
    if result["events"] == (row.lag or 0):
        return True
    gaps = result["events"] > 0 and result["last"] - result["first"] + 1 > result["events"]
    return bool(gaps and result["reaches_back"] and result["last"] >= row.end_offset - 2)


def statement(lagging: Sequence[Row], catalog: Catalog) -> str:
    """One SELECT with a row for each of `lagging` that the tables know something of; `n` is its index in the list.

    Names are those of the checked catalog, values are integers.
    """
    topics = sorted({row.topic for row in lagging})
    wanted = ", ".join(
        f"({n}, {topics.index(row.topic)}, {row.partition}, {row.start}, {row.end_offset})"
        for n, row in enumerate(lagging)
    )
    parts, newest = [], []
    for number, topic in enumerate(topics):
        stream = catalog.own[topic]
        table, letters = catalog.raw_table(topic), f"t.stream = '{topic}' AND t.letter_topic = '{topic}.dlq'"
        # Offsets of a topic that was made anew begin again: rows of the earlier one are other events.
        newest.append(
            f'SELECT max(since) FROM (SELECT max(kafka_topic_since) AS since FROM "{table}" UNION ALL '
            f"SELECT max(kafka_topic_since) FROM dead_letters t WHERE {letters})"
        )
        first = min(row.start for row in lagging if row.topic == topic) - BEFORE
        joined = (
            f"ON w.topic = {number} AND t.kafka_partition = w.part AND t.kafka_offset >= w.since - {BEFORE} "
            f"AND t.kafka_offset < w.until WHERE t.kafka_offset >= {first} "
            f"AND t.kafka_topic_since IS NOT DISTINCT FROM (FROM newest{number})"
        )
        amount = f't."{stream.amount}"' if stream.amount else "NULL::BIGINT"
        parts += [
            f'SELECT w.n, w.since, t.kafka_offset AS at_offset, CAST(t."{stream.key}" AS VARCHAR) AS key, '
            f'{amount} AS cents FROM w JOIN "{table}" t {joined}',
            f"SELECT w.n, w.since, t.kafka_offset, NULL, NULL FROM w JOIN dead_letters t {joined} AND {letters}",
        ]
    ctes = "".join(f"newest{number} AS ({sql}), " for number, sql in enumerate(newest))
    return (
        f"WITH w(n, topic, part, since, until) AS (VALUES {wanted}), {ctes}"
        f"e AS ({' UNION ALL '.join(parts)}), "
        "k AS (SELECT n, key, count(DISTINCT at_offset) FILTER (WHERE at_offset >= since) AS events, "
        "arg_max(cents, at_offset) FILTER (WHERE at_offset >= since) AS cents, "
        "min(at_offset) FILTER (WHERE at_offset >= since) AS first, "
        "max(at_offset) FILTER (WHERE at_offset >= since) AS last, "
        "bool_or(at_offset < since) AS reaches_back FROM e GROUP BY n, key) "
        "SELECT n, count(*) FILTER (WHERE key IS NOT NULL AND events > 0) AS keys, sum(cents)::BIGINT AS cents, "
        "sum(events)::BIGINT AS events, min(first) AS first, max(last) AS last, bool_or(reaches_back) AS reaches_back "
        "FROM k GROUP BY n"
    )
