"""Query of the freshness and completeness of streams."""

from __future__ import annotations

from dashboard.data.query import Query

STREAMS = Query(
    "trust.streams",
    "What each stream carried in the range, how much of it failed or came late, and what waits to be processed.",
    """
WITH seen AS (
    SELECT stream,
           coalesce(sum(events) FILTER (WHERE window_start >= $since::TIMESTAMPTZ
                                          AND window_start < $until::TIMESTAMPTZ), 0)::BIGINT       AS events,
           coalesce(sum(dead_letters) FILTER (WHERE window_start >= $since::TIMESTAMPTZ
                                                AND window_start < $until::TIMESTAMPTZ), 0)::BIGINT AS dead_letters,
           coalesce(sum(late) FILTER (WHERE window_start >= $since::TIMESTAMPTZ
                                        AND window_start < $until::TIMESTAMPTZ), 0)::BIGINT         AS late,
           max(max_occurred_at) FILTER (WHERE max_occurred_at <= $now::TIMESTAMPTZ)                 AS newest
    FROM stream_windows
    WHERE stream <> 'lag'
    GROUP BY stream
), behind AS (
    -- A group that no longer exists keeps its last row: only samples of the last minute show what waits now.
    SELECT topic AS stream, sum(lag)::BIGINT AS waiting, max(lag_seconds) AS lag_seconds,
           max(occurred_at) AS sampled_at
    FROM consumer_lag
    WHERE "group" = $group AND occurred_at > $now::TIMESTAMPTZ - INTERVAL 1 MINUTE
    GROUP BY topic
), gone AS (
    -- Deleted before analytics read them; when they happened, nobody knows: they count where it was found.
    SELECT stream, sum(events)::BIGINT AS lost
    FROM lost_events
    WHERE lost_at >= $since::TIMESTAMPTZ AND lost_at < $until::TIMESTAMPTZ
    GROUP BY stream
)
SELECT stream, events, dead_letters, late, newest, waiting, lag_seconds, sampled_at, coalesce(lost, 0)::BIGINT AS lost
FROM seen LEFT JOIN behind USING (stream) LEFT JOIN gone USING (stream)
ORDER BY stream
""",
    defaults={"group": "analytics"},
)
