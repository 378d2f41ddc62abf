"""What the page Orders and revenue asks. `$by` is one of `region`, `channel`, `payment_method`; a filter that is empty
lets everything through."""

from __future__ import annotations

from dashboard.data.query import Query

EVERY = {"region": "", "channel": "", "payment_method": ""}
_CHOSEN = """($region = '' OR region = $region) AND ($channel = '' OR channel = $channel)
  AND ($payment_method = '' OR payment_method = $payment_method)"""
_NAME = "CASE $by WHEN 'region' THEN region WHEN 'channel' THEN channel ELSE payment_method END"
_RANGE = "window_start >= $since::TIMESTAMPTZ AND window_start < $until::TIMESTAMPTZ"
# Of the earlier span as much as of the complete windows of this one: like is compared with like.
_SPANS = f"""sold AS (
    SELECT 'range' AS span, * FROM order_windows
    WHERE {_RANGE}
    UNION ALL
    SELECT 'complete', * FROM order_windows
    WHERE window_start >= $since::TIMESTAMPTZ AND window_start < $complete_until::TIMESTAMPTZ
    UNION ALL
    SELECT 'earlier', * FROM order_windows
    WHERE window_start >= $previous_since::TIMESTAMPTZ AND window_start < $previous_until::TIMESTAMPTZ
), chosen AS (
    FROM sold
    WHERE {_CHOSEN}
)"""

CHOICES = Query(
    "orders.choices",
    "The regions, channels and payment methods of the range.",
    f"""
SELECT DISTINCT region, channel, payment_method
FROM order_windows
WHERE {_RANGE}
ORDER BY ALL
LIMIT 2000
""",
    ("orders",),
)

# `span`: the range, its complete windows, the same span earlier. A row each, also where there was nothing.
# A row for each span, also where there was nothing. `reaches_back`: is there anything as old as what is compared with?
TOTALS = Query(
    "orders.totals",
    "Orders, revenue, units, outcomes: in the range, in its complete windows, and in the same span earlier.",
    f"""
WITH {_SPANS}
SELECT span,
       coalesce(sum(orders), 0)::BIGINT        AS orders,
       coalesce(sum(revenue_cents), 0)::BIGINT AS revenue_cents,
       coalesce(sum(units), 0)::BIGINT         AS units,
       coalesce(sum(confirmed), 0)::BIGINT     AS confirmed,
       coalesce(sum(cancelled), 0)::BIGINT     AS cancelled,
       coalesce(sum(completed), 0)::BIGINT     AS completed,
       EXISTS (SELECT 1 FROM stream_windows
               WHERE window_start <= $previous_since::TIMESTAMPTZ AND events > late AND stream <> 'lag') AS reaches_back
FROM (VALUES ('range'), ('complete'), ('earlier')) AS spans(span) LEFT JOIN chosen USING (span)
GROUP BY span
""",
    ("orders",),
    EVERY,
)

TIMELINE = Query(
    "orders.timeline",
    "Orders and revenue in each bar of the range, split; `earlier` rows are the compared span's, moved to this one.",
    f"""
SELECT time_bucket(to_seconds($bucket_s), window_start) AS bucket, false AS earlier, {_NAME} AS name,
       sum(orders)::BIGINT AS orders, coalesce(sum(revenue_cents), 0)::BIGINT AS revenue_cents
FROM order_windows
WHERE {_RANGE}
  AND {_CHOSEN}
GROUP BY ALL
UNION ALL
SELECT time_bucket(to_seconds($bucket_s), window_start + ($since::TIMESTAMPTZ - $previous_since::TIMESTAMPTZ)),
       true, NULL, sum(orders)::BIGINT, coalesce(sum(revenue_cents), 0)::BIGINT
FROM order_windows
WHERE window_start >= $previous_since::TIMESTAMPTZ
  AND window_start < $previous_since::TIMESTAMPTZ + to_seconds($seconds)
  AND {_CHOSEN}
GROUP BY ALL
ORDER BY earlier, bucket, name
LIMIT 50000
""",
    ("orders",),
    {**EVERY, "by": "region"},
)

# `complete_cents` and `previous_cents` are compared: complete windows with the same span earlier. `all_cents` is of all
# names, listed or not.
RANKING = Query(
    "orders.ranking",
    "Orders, revenue and what became of orders in the range, by region, channel or payment method.",
    f"""
WITH {_SPANS}
SELECT {_NAME} AS name,
       coalesce(sum(orders) FILTER (WHERE span = 'range'), 0)::BIGINT           AS orders,
       coalesce(sum(revenue_cents) FILTER (WHERE span = 'range'), 0)::BIGINT    AS revenue_cents,
       coalesce(sum(units) FILTER (WHERE span = 'range'), 0)::BIGINT            AS units,
       coalesce(sum(confirmed) FILTER (WHERE span = 'range'), 0)::BIGINT        AS confirmed,
       coalesce(sum(cancelled) FILTER (WHERE span = 'range'), 0)::BIGINT        AS cancelled,
       coalesce(sum(completed) FILTER (WHERE span = 'range'), 0)::BIGINT        AS completed,
       coalesce(sum(revenue_cents) FILTER (WHERE span = 'complete'), 0)::BIGINT AS complete_cents,
       coalesce(sum(revenue_cents) FILTER (WHERE span = 'earlier'), 0)::BIGINT  AS previous_cents,
       (sum(coalesce(sum(revenue_cents) FILTER (WHERE span = 'range'), 0)) OVER ())::BIGINT AS all_cents
FROM chosen
GROUP BY name
HAVING count(*) FILTER (WHERE span = 'range') > 0
ORDER BY revenue_cents DESC, name
LIMIT 200
""",
    ("orders",),
    {**EVERY, "by": "region"},
)
