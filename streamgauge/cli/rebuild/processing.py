"""Columns that depend on when an event was processed, not on its content: reading the log again cannot restore them.

They are carried over from the running file, left out of the comparison, and named in it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import duckdb

from processors.analytics.arrival import Bounds
from processors.analytics.transform import bounds
from streamgauge.catalog.loader import Catalog
from streamgauge.catalog.model import SINCE, Model
from streamgauge.catalog.stream import ARRIVED_AT
from streamgauge.runtime.kafka import Partition
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse import schema

# `late` depends on the newest event that a replica has read since it got the partition (analytics' decoder).
OF_THE_PROCESSING = {"*": {"late", "latency_ms", ARRIVED_AT}, "dead_letters": {"dead_at"}}


def columns(model: Model) -> frozenset[str]:
    """The model's columns that depend on the processing; the comparison refuses those in a key."""
    sources = OF_THE_PROCESSING.get(model.stream, {ARRIVED_AT})
    with duckdb.connect(":memory:") as db:
        row = db.execute("SELECT json_serialize_sql(?)", [model.delta_sql]).fetchone()
    node = json.loads(row[0])["statements"][0]["node"] if row else {}
    while node["from_table"]["type"] == "SUBQUERY":
        node = node["from_table"]["subquery"]["node"]
    found = set()
    for item in node["select_list"]:
        if item["class"] == "STAR":
            found |= sources
        elif _mentions(item, sources):
            found.add(item["alias"] or item["column_names"][-1])
    return frozenset(found & model.columns.keys())


def _mentions(node: Any, names: set[str]) -> bool:
    if isinstance(node, dict):
        if node.get("class") == "COLUMN_REF" and node["column_names"][-1] in names:
            return True
        return any(_mentions(child, names) for child in node.values())
    return isinstance(node, list) and any(_mentions(child, names) for child in node)


def arrivals(settings: Settings, catalog: Catalog, running: Path) -> dict[Partition, dict[int, int]]:
    """Arrivals of the running file's events that Kafka's timestamp would judge otherwise: by partition and offset, ms.

    Those are its letters about misdated events, and events that lie outside the bounds by Kafka's timestamp, but do not
    by their arrival, or the other way round. Of events that retention has removed nothing is known.
    """
    limits = bounds(settings)
    known: dict[Partition, dict[int, int]] = defaultdict(dict)
    with duckdb.connect(str(running), read_only=True) as db:
        there = {row[0] for row in db.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        selects = [
            f"SELECT '{topic}', kafka_partition, kafka_offset, epoch_ms({ARRIVED_AT}) FROM main.\"{table}\" "  # noqa: S608
            # Of topics made anew the newest counts: it is the one that is read.
            f"WHERE {_differs(limits, stream.event_time)} ORDER BY {SINCE} NULLS FIRST"
            for topic, stream in catalog.streams.items()
            if (table := catalog.raw_table(topic)) in there
        ]
        selects += [
            "SELECT topic, kafka_partition, kafka_offset, epoch_ms(dead_at) FROM main.dead_letters "  # noqa: S608
            "WHERE reason IN ('future_event', 'past_event') OR kafka_timestamp IS NULL "
            f"OR epoch_ms(dead_at) - epoch_ms(kafka_timestamp) NOT BETWEEN 0 AND {limits.windows_ms}"
        ]
        for topic, partition, offset, ms in (row for select in selects for row in db.execute(select).fetchall()):
            known[topic, partition][offset] = ms
    return known


def _differs(limits: Bounds, event_time: str) -> str:
    """SQL: by Kafka's timestamp the event may be judged, or counted, otherwise than by its arrival."""
    span = f"{-limits.max_future_ms} AND {min(limits.windows_ms, limits.max_past_ms)}"
    ages = (f'epoch_ms({at}) - epoch_ms("{event_time}")' for at in ("kafka_timestamp", ARRIVED_AT))
    return " OR ".join(f"{age} NOT BETWEEN {span}" for age in ages)


def key_of(model: Model) -> tuple[str, ...]:
    """Columns that identify a row: its key; for appended rows the position of the event."""
    if model.merge != "append":
        return model.key
    places = ("stream", "topic", "letter_topic", SINCE, "kafka_partition", "kafka_offset")
    return tuple(name for name in places if name in model.columns)


def carry_over(db: duckdb.DuckDBPyConnection, model: Model, source: str) -> None:
    """Copy these columns of the model from the database `source`, where it has the same row."""
    carried, key = columns(model), key_of(model)
    if not carried or carried & set(key) or model.merge == "latest":
        return
    there = {
        row[0]
        for row in db.execute(
            "SELECT column_name FROM duckdb_columns() WHERE database_name = ? AND table_name = ?", [source, model.name]
        ).fetchall()
    }
    if not there.issuperset(key) or not (names := sorted(carried & there)):
        return
    taken = ", ".join(f'"{name}" = s."{name}"' for name in names)
    same = schema.same_key(key, "t", "s")
    db.execute(f'UPDATE main."{model.name}" t SET {taken} FROM {source}.main."{model.name}" s WHERE {same}')


def rows_of(model: Model, database: str) -> str:
    """SQL: the model's rows in an attached database, one per key."""
    if model.merge != "latest":
        return f'(FROM {database}.main."{model.name}")'
    rows = f"{database}.{schema.latest_rows(model)}"
    return f"(SELECT * EXCLUDE ({schema.RUN}) FROM {rows} QUALIFY {schema.newest(model)})"
