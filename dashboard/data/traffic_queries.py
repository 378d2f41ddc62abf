"""Traffic of all streams, for the pages Overview and Pipeline health."""

from __future__ import annotations

from dashboard.data.query import Query

# A window of late events alone says nothing about when the stream began; a date ahead of the clock nothing about
# freshness. The stream `lag` is what Streamgauge observes, not what a service published, and counts nowhere here.
TRAFFIC = Query(
    "overview.streams",
    "What each stream carried in each bar of the range; `recent` is of the last minute's complete windows.",
    """
SELECT time_bucket(to_seconds($bucket_s), window_start) AS bucket, stream,
       sum(events)::BIGINT AS events, sum(dead_letters)::BIGINT AS dead_letters, sum(late)::BIGINT AS late,
       coalesce(sum(events) FILTER (WHERE window_start >= $rate_since::TIMESTAMPTZ
                                      AND window_start < $complete_until::TIMESTAMPTZ), 0)::BIGINT AS recent,
       min(window_start) FILTER (WHERE events > late) AS first_window
FROM stream_windows
WHERE window_start >= $since::TIMESTAMPTZ AND window_start < $until::TIMESTAMPTZ AND stream <> 'lag'
GROUP BY ALL
ORDER BY bucket, stream
""",
)
