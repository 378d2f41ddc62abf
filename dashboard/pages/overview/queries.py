"""What the Overview asks."""

from __future__ import annotations

from dashboard.data.query import Query

# A window of late events alone says nothing about when the stream began; a date ahead of the clock nothing about
# freshness. The stream `lag` is what Streamgauge observes, not what a service published, and counts nowhere here.
STREAMS = Query(
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

# `reaches_back`: is there anything as old as what the period is compared with?
ORDERS = Query(
    "overview.orders",
    "Orders placed and their amount in the range, in its complete windows, and in the same span earlier.",
    """
SELECT coalesce(sum(orders) FILTER (WHERE window_start >= $since::TIMESTAMPTZ
                                      AND window_start < $until::TIMESTAMPTZ), 0)::BIGINT AS orders,
       coalesce(sum(revenue_cents) FILTER (WHERE window_start >= $since::TIMESTAMPTZ
                                             AND window_start < $until::TIMESTAMPTZ), 0)::BIGINT AS revenue_cents,
       coalesce(sum(orders) FILTER (WHERE window_start >= $rate_since::TIMESTAMPTZ
                                      AND window_start < $complete_until::TIMESTAMPTZ), 0)::BIGINT AS recent,
       coalesce(sum(revenue_cents) FILTER (WHERE window_start >= $since::TIMESTAMPTZ
                                             AND window_start < $complete_until::TIMESTAMPTZ), 0)::BIGINT
           AS complete_cents,
       CASE WHEN EXISTS (SELECT 1 FROM stream_windows
                         WHERE window_start <= $previous_since::TIMESTAMPTZ AND events > late AND stream <> 'lag')
            THEN coalesce(sum(revenue_cents) FILTER (WHERE window_start >= $previous_since::TIMESTAMPTZ
                                                       AND window_start < $previous_until::TIMESTAMPTZ), 0)::BIGINT
       END AS previous_cents
FROM order_windows
WHERE window_start >= least($previous_since::TIMESTAMPTZ, $rate_since::TIMESTAMPTZ)
  AND window_start < $until::TIMESTAMPTZ
""",
    ("orders",),
)

TOPS = Query(
    "overview.tops",
    "The regions and channels with the highest revenue in the range.",
    """
WITH sold AS (
    SELECT 'region' AS dimension, region AS name, orders, revenue_cents FROM order_windows
    WHERE window_start >= $since::TIMESTAMPTZ AND window_start < $until::TIMESTAMPTZ
    UNION ALL
    SELECT 'channel', channel, orders, revenue_cents FROM order_windows
    WHERE window_start >= $since::TIMESTAMPTZ AND window_start < $until::TIMESTAMPTZ
), summed AS (
    SELECT dimension, name, sum(orders)::BIGINT AS orders, sum(revenue_cents)::BIGINT AS revenue_cents
    FROM sold GROUP BY dimension, name HAVING sum(orders) > 0
)
SELECT * FROM summed
QUALIFY row_number() OVER (PARTITION BY dimension ORDER BY revenue_cents DESC, name) <= 6
ORDER BY revenue_cents DESC, name
""",
    ("orders",),
)
