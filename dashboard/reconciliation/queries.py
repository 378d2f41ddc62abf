"""Queries of the reconciliation: what SQL shows, and whether a position of the log is in the raw tables twice."""

from __future__ import annotations

from dashboard.data.query import Query
from streamgauge.catalog.loader import Catalog

VISIBLE = Query(
    "proof.visible",
    "Events that SQL shows, by stream, in windows since a time; dead letters and duplicates included.",
    """
SELECT stream, sum(events)::BIGINT AS events, sum(dead_letters)::BIGINT AS dead_letters
FROM stream_windows
WHERE window_start >= to_timestamp($from_ms / 1000.0)
GROUP BY stream
""",
    defaults={"from_ms": 0},
)

# Each row of a raw table has its position in the log. The last minutes suffice: a duplicate of a position follows the
# first within them.
MINUTES = 5


def positions(catalog: Catalog) -> Query | None:
    """Query of the rows of the raw tables and their distinct positions; None if the catalog has no raw table."""
    tables = [(stream, table) for stream in catalog.own if (table := catalog.raw_table(stream)) is not None]
    if not tables:
        return None
    rows = "\n    UNION ALL\n".join(
        f"    SELECT '{stream}' AS stream, kafka_topic_since, kafka_partition, kafka_offset FROM \"{table}\"\n"  # noqa: S608
        f"    WHERE arrived_at > $now::TIMESTAMPTZ - INTERVAL {MINUTES} MINUTES"
        for stream, table in tables
    )
    return Query(
        "proof.places",
        f"Rows of the raw tables in the last {MINUTES} minutes, and their distinct positions in the log.",
        f"""
WITH recent AS (
{rows}
)
SELECT count(*)::BIGINT AS events,
       count(DISTINCT (stream, kafka_topic_since, kafka_partition, kafka_offset))::BIGINT AS places
FROM recent
""",  # noqa: S608 - names of the catalog
    )


def every(catalog: Catalog) -> list[Query]:
    """The queries that are made from the catalog."""
    return [query for query in (positions(catalog),) if query]
