"""Queries of Pipeline health. Lag is that of the sampler (docs/lag.md); the rest is `stream_windows`."""

from __future__ import annotations

from dashboard.data.query import Query
from streamgauge.catalog.loader import Catalog
from streamgauge.domain import lag_status

# Current rows are those of the newest sample, within two intervals: rows of deleted groups remain forever.
_NOW = """known AS MATERIALIZED (SELECT * FROM consumer_lag), now_rows AS (
    SELECT * FROM known WHERE occurred_at >= (SELECT max(occurred_at) FROM known) - to_milliseconds($sample_ms)
)"""
# A transaction marker's offset is never read: a lag of 1 without a time is no waiting event.
_WAITS = "CASE WHEN lag > 1 OR lag_seconds > 0 THEN lag WHEN lag IS NOT NULL THEN 0 END"
# Limit of rows on the page; a cluster of some size has fewer.
_MOST = 2_000

GROUPS = Query(
    "pipeline.groups",
    "How far each consumer group is behind on each topic: the newest sample.",
    f"""
WITH {_NOW}
SELECT "group", topic,
       {lag_status.WORST_SQL} AS status,
       count(*)                                                                           AS partitions,
       -- Where the lag of a partition is unknown, the sum is too: it lies between these two.
       CASE WHEN count(*) = count(lag) THEN sum({_WAITS})::BIGINT END                     AS lag,
       sum(coalesce({_WAITS}, lag_least, 0))::BIGINT                                      AS lag_least,
       CASE WHEN count(*) = count(coalesce(lag, lag_most))
            THEN sum(coalesce({_WAITS}, lag_most))::BIGINT END                            AS lag_most,
       coalesce(sum(lost), 0)::BIGINT                                                     AS lost,
       coalesce(sum(undecided), 0)::BIGINT                                                AS undecided,
       CASE WHEN count(*) = count(lag) OR max(lag_seconds) > 0 THEN max(lag_seconds) END  AS lag_seconds,
       sum(waiting_keys)::BIGINT                                                          AS waiting_keys,
       sum(waiting_cents)::BIGINT                                                         AS waiting_cents,
       count(*) = count(lag) AND coalesce(bool_and(coalesce(waiting_complete, false)) FILTER (WHERE lag > 1), true)
                                                                                          AS waiting_complete,
       sum(produced_per_second)                                                           AS produced_per_second,
       sum(consumed_per_second)                                                           AS consumed_per_second,
       max(catch_up_seconds)                                                              AS catch_up_seconds,
       -- Both rates are known, and the lag does not shrink.
       coalesce(bool_or(lag > 1 AND catch_up_seconds IS NULL AND consumed_per_second <= produced_per_second), false)
                                                                                          AS never,
       -- If retention has deleted nothing yet, nothing can be lost to it.
       max(retention_used) FILTER (WHERE lag > 1 AND oldest_offset > 0)                   AS retention_used,
       max(members)                                                                       AS members,
       max(occurred_at)                                                                   AS sampled_at
FROM now_rows
GROUP BY "group", topic
ORDER BY lag_seconds DESC NULLS LAST, lag DESC NULLS LAST, "group", topic
LIMIT {_MOST}
""",  # noqa: S608 - only constants
    defaults={"sample_ms": 25_000},
)

PARTITIONS = Query(
    "pipeline.partitions",
    "Each partition that one consumer group reads: the newest sample.",
    f"""
WITH {_NOW}
SELECT topic, partition, status, {_WAITS} AS lag, lag_least, lag_most, lost, undecided, lag_seconds,
       produced_per_second, consumed_per_second, catch_up_seconds, retention_used, member,
       waiting_keys, waiting_cents, waiting_complete, committed_offset, end_offset
FROM now_rows
WHERE "group" = $group
ORDER BY lag_seconds DESC NULLS LAST, lag DESC NULLS LAST, topic, partition
LIMIT {_MOST}
""",  # noqa: S608 - only constants
    defaults={"sample_ms": 25_000, "group": "analytics"},
)

# Each bar has its worst sample. Bars of five minutes and more use one sample a minute: the history is long, and a group
# that was behind for less than a minute is of no interest a day later.
TREND = Query(
    "pipeline.trend",
    "How far each consumer group was behind: the worst sample of each bar of the range.",
    f"""
WITH samples AS (
    SELECT "group", occurred_at, sum({_WAITS})::BIGINT AS lag, max(lag_seconds) AS lag_seconds,
           max(waiting_cents) AS waiting_cents
    FROM (
        SELECT "group", topic, occurred_at, lag, lag_seconds,
               sum(waiting_cents) OVER (PARTITION BY "group", topic, occurred_at) AS waiting_cents
        FROM lag_events
        WHERE occurred_at >= $since::TIMESTAMPTZ AND occurred_at < $until::TIMESTAMPTZ
          AND ($bucket_s < 300 OR second(occurred_at) < 11)
          AND lag IS NOT NULL
    )
    GROUP BY "group", occurred_at
)
SELECT time_bucket(to_seconds($bucket_s), occurred_at) AS bucket, "group", max(lag)::BIGINT AS lag,
       max(lag_seconds) AS lag_seconds, max(waiting_cents)::BIGINT AS waiting_cents
FROM samples
GROUP BY ALL
ORDER BY bucket, "group"
""",  # noqa: S608 - only constants
)

LOST = Query(
    "pipeline.lost",
    "What retention deleted before analytics read it.",
    f"""
SELECT stream, partition, first_offset, last_offset, events, lost_at
FROM lost_events
ORDER BY lost_at DESC, stream, partition
LIMIT {_MOST}
""",  # noqa: S608 - only constants
)

LATENCY = Query(
    "pipeline.latency",
    "How long events took from reaching Kafka to being processed, in each bar of the range: at most so many ms.",
    """
SELECT time_bucket(to_seconds($bucket_s), window_start) AS bucket, sum(events)::BIGINT AS events,
       sum(latency_ms)::BIGINT AS latency_ms,
       sum(latency_le_100ms)::BIGINT AS le_100, sum(latency_le_250ms)::BIGINT AS le_250,
       sum(latency_le_500ms)::BIGINT AS le_500, sum(latency_le_1s)::BIGINT AS le_1000,
       sum(latency_le_5s)::BIGINT AS le_5000, sum(latency_le_60s)::BIGINT AS le_60000
FROM stream_windows
WHERE window_start >= $since::TIMESTAMPTZ AND window_start < $until::TIMESTAMPTZ AND stream <> 'lag'
GROUP BY ALL
ORDER BY bucket
""",
)

BALANCE = Query(
    "pipeline.balance",
    "Events and bytes of each partition of each stream in the range.",
    f"""
SELECT stream, partition, sum(events)::BIGINT AS events, sum(bytes)::BIGINT AS bytes
FROM stream_windows
WHERE window_start >= $since::TIMESTAMPTZ AND window_start < $until::TIMESTAMPTZ AND stream <> 'lag'
GROUP BY ALL
ORDER BY stream, partition
LIMIT {_MOST}
""",  # noqa: S608 - only constants
)


def hot_keys(catalog: Catalog, stream: str) -> Query | None:
    """Query of the most frequent keys of a partition in the last minute; None if the stream has no raw table."""
    table = catalog.raw_table(stream) if stream in catalog.streams else None
    if table is None:
        return None
    return Query(
        f"pipeline.hot_keys.{stream}",
        f"The keys that had most events in one partition of {stream} in the last minute.",
        f"""
SELECT CAST("{catalog.streams[stream].key}" AS VARCHAR) AS key, count(*) AS events,
       count(*) / sum(count(*)) OVER () AS share
FROM "{table}"
WHERE kafka_partition = $partition
  AND arrived_at > $now::TIMESTAMPTZ - INTERVAL 1 MINUTE
GROUP BY ALL
ORDER BY events DESC, key
LIMIT 5
""",  # noqa: S608 - names of the catalog
        (stream,),
        defaults={"partition": 0},
    )


def every(catalog: Catalog) -> list[Query]:
    """The queries that are made from the catalog."""
    return [query for stream in catalog.streams if (query := hot_keys(catalog, stream))]
