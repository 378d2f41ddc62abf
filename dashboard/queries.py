"""The SQL behind the pages: text and parameters. Window tables only, so that cost follows the range
and never the number of events.

Each statement is a constant, numbered parameters are explained above it; docs/dashboard.md says which figure it gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import pyarrow as pa

from dashboard.periods import Period
from dashboard.results import Orders, Overview, Slice, StreamBucket, Traffic
from warehouse.client import QueryError

TOP = 6

# $1 since, $2 until, $3 bucket in seconds, $4 rate_since, $5 complete_until, $6 now.
# A window of late events alone says nothing about when the stream began; a date ahead of the clock nothing about
# freshness. The stream `lag` is what Streamgauge observes, not what a service published, and counts nowhere here.
STREAMS = """
SELECT time_bucket(to_seconds($3), window_start) AS bucket, stream,
       sum(events)::BIGINT AS events, sum(dead_letters)::BIGINT AS dead_letters, sum(late)::BIGINT AS late,
       coalesce(sum(events) FILTER (WHERE window_start >= $4::TIMESTAMPTZ
                                      AND window_start < $5::TIMESTAMPTZ), 0)::BIGINT AS recent,
       min(window_start) FILTER (WHERE events > late) AS first_window,
       max(max_occurred_at) FILTER (WHERE max_occurred_at <= $6::TIMESTAMPTZ) AS newest
FROM stream_windows
WHERE window_start >= $1::TIMESTAMPTZ AND window_start < $2::TIMESTAMPTZ AND stream <> 'lag'
GROUP BY ALL
ORDER BY bucket, stream
"""

# $1 since, $2 until, $3 rate_since, $4 complete_until, $5 previous_since, $6 previous_until.
# `reaches_back`: is there anything as old as what the period is compared with?
ORDERS = """
SELECT coalesce(sum(orders) FILTER (WHERE window_start >= $1::TIMESTAMPTZ), 0)::BIGINT AS orders,
       coalesce(sum(revenue_cents) FILTER (WHERE window_start >= $1::TIMESTAMPTZ), 0)::BIGINT AS revenue_cents,
       coalesce(sum(orders) FILTER (WHERE window_start >= $3::TIMESTAMPTZ
                                      AND window_start < $4::TIMESTAMPTZ), 0)::BIGINT AS recent,
       coalesce(sum(revenue_cents) FILTER (WHERE window_start >= $1::TIMESTAMPTZ
                                             AND window_start < $4::TIMESTAMPTZ), 0)::BIGINT AS complete_cents,
       coalesce(sum(revenue_cents) FILTER (WHERE window_start < $6::TIMESTAMPTZ), 0)::BIGINT AS previous_cents,
       EXISTS (SELECT 1 FROM stream_windows WHERE window_start <= $5::TIMESTAMPTZ AND events > late
               AND stream <> 'lag') AS reaches_back
FROM order_windows
WHERE window_start >= $5::TIMESTAMPTZ AND window_start < $2::TIMESTAMPTZ
"""

# $1 since, $2 until, $3 how many of each.
TOPS = """
WITH sold AS (
    SELECT 'region' AS dimension, region AS name, orders, revenue_cents FROM order_windows
    WHERE window_start >= $1::TIMESTAMPTZ AND window_start < $2::TIMESTAMPTZ
    UNION ALL
    SELECT 'channel', channel, orders, revenue_cents FROM order_windows
    WHERE window_start >= $1::TIMESTAMPTZ AND window_start < $2::TIMESTAMPTZ
), summed AS (
    SELECT dimension, name, sum(orders)::BIGINT AS orders, sum(revenue_cents)::BIGINT AS revenue_cents
    FROM sold GROUP BY dimension, name HAVING sum(orders) > 0
)
SELECT * FROM summed
QUALIFY row_number() OVER (PARTITION BY dimension ORDER BY revenue_cents DESC, name) <= $3
ORDER BY revenue_cents DESC, name
"""

# $1 now.
NEWEST = """
SELECT max(max_occurred_at) FILTER (WHERE max_occurred_at <= $1::TIMESTAMPTZ) AS newest FROM stream_windows
WHERE stream <> 'lag'
"""


class Source(Protocol):
    """What answers SQL: `warehouse.client.Warehouse`, or a stand-in in tests."""

    def query(self, sql: str, params: Sequence[Any] = ()) -> pa.Table:
        """The answer to one SELECT; raises what `Warehouse.query` raises."""
        ...


def overview(source: Source, period: Period) -> Overview:
    """Ask for the Overview's figures. Raises what `Warehouse.query` raises."""
    return Overview(period, _traffic(source, period), _orders(source, period))


def _traffic(source: Source, period: Period) -> Traffic:
    rows = source.query(
        STREAMS,
        [period.since, period.until, period.range.bucket_s, period.rate_since, period.complete_until, period.now],
    ).to_pylist()
    newest = max((row["newest"] for row in rows if row["newest"]), default=None)
    if newest is None:
        newest = source.query(NEWEST, [period.now]).to_pylist()[0]["newest"]
    return Traffic(
        tuple(
            StreamBucket(row["bucket"], row["stream"], row["events"], row["dead_letters"], row["late"]) for row in rows
        ),
        sum(row["recent"] for row in rows),
        min((row["first_window"] for row in rows if row["first_window"]), default=None),
        newest,
    )


def _orders(source: Source, period: Period) -> Orders | None:
    try:
        (row,) = source.query(
            ORDERS,
            [
                period.since,
                period.until,
                period.rate_since,
                period.complete_until,
                period.previous_since,
                period.previous_until,
            ],
        ).to_pylist()
    except QueryError as error:
        if error.rule == "table":
            return None
        raise
    tops = source.query(TOPS, [period.since, period.until, TOP]).to_pylist()
    regions, channels = (
        tuple(Slice(top["name"], top["orders"], top["revenue_cents"]) for top in tops if top["dimension"] == dimension)
        for dimension in ("region", "channel")
    )
    return Orders(
        row["orders"],
        row["revenue_cents"],
        row["recent"],
        row["complete_cents"],
        row["previous_cents"] if row["reaches_back"] else None,
        regions,
        channels,
    )
