"""Saved examples: queries for three roles, ready to run and to change. A test runs each of them."""

from __future__ import annotations

from dataclasses import dataclass

ROLES = ("On call", "Analyst", "Product")


@dataclass(frozen=True)
class Example:
    """`title` is what it answers."""

    role: str
    title: str
    sql: str


EXAMPLES = (
    Example(
        "On call",
        "Which group is behind, and what waits there?",
        """
SELECT "group", topic, sum(lag) AS lag, max(lag_seconds) AS lag_seconds, sum(waiting_cents) AS waiting_cents,
       max(catch_up_seconds) AS catch_up_seconds, max(status) AS status
FROM consumer_lag
WHERE occurred_at > now() - INTERVAL 1 MINUTE
GROUP BY ALL
ORDER BY lag_seconds DESC NULLS LAST
""",
    ),
    Example(
        "On call",
        "How did each stream's throughput go?",
        """
SELECT time_bucket(INTERVAL 1 MINUTE, window_start) AS minute, stream, sum(events) / 60.0 AS events_per_second
FROM stream_windows
WHERE window_start > now() - INTERVAL 1 HOUR AND stream <> 'lag'
GROUP BY ALL
ORDER BY minute, stream
""",
    ),
    Example(
        "On call",
        "What fails, why, and since when?",
        """
SELECT stream, reason, field, count(*) AS letters, min(dead_at) AS first, max(dead_at) AS last,
       any_value(detail) AS for_example
FROM dead_letters
WHERE dead_at > now() - INTERVAL 1 DAY
GROUP BY ALL
ORDER BY letters DESC
LIMIT 100
""",
    ),
    Example(
        "On call",
        "How long do events take to be processed?",
        """
SELECT time_bucket(INTERVAL 1 MINUTE, window_start) AS minute,
       sum(latency_ms) / nullif(sum(events), 0) AS mean_ms,
       100.0 * sum(latency_le_1s) / nullif(sum(events), 0) AS percent_within_1s
FROM stream_windows
WHERE window_start > now() - INTERVAL 1 HOUR
GROUP BY ALL
ORDER BY minute
""",
    ),
    Example(
        "On call",
        "Which orders are stuck, where, and since when?",
        """
SELECT order_id, state, entered_at, age_seconds, times_p95, past_deadline, amount_cents, reason
FROM sagas_stuck
ORDER BY age_seconds DESC
LIMIT 200
""",
    ),
    Example(
        "Analyst",
        "Revenue by region and hour",
        """
SELECT date_trunc('hour', window_start) AS hour, region, sum(orders) AS orders, sum(revenue_cents) / 100 AS revenue
FROM order_windows
WHERE window_start > now() - INTERVAL 1 DAY
GROUP BY ALL
ORDER BY hour, region
""",
    ),
    Example(
        "Analyst",
        "How are order amounts distributed?",
        """
SELECT channel, count(*) AS orders, median(amount_cents) / 100 AS median, avg(amount_cents) / 100 AS mean,
       quantile_cont(amount_cents, 0.95) / 100 AS p95, max(amount_cents) / 100 AS highest
FROM orders
WHERE occurred_at > now() - INTERVAL 1 DAY
GROUP BY channel
ORDER BY orders DESC
""",
    ),
    Example(
        "Analyst",
        "What sells together with what?",
        """
WITH sold AS (
    SELECT order_id, unnest(items).sku AS sku
    FROM order_events
    WHERE event_type = 'order.placed' AND occurred_at > now() - INTERVAL 15 MINUTES
)
SELECT a.sku, b.sku AS and_sku, count(DISTINCT order_id) AS orders
FROM sold a JOIN sold b USING (order_id)
WHERE a.sku < b.sku
GROUP BY ALL
ORDER BY orders DESC
LIMIT 20
""",
    ),
    Example(
        "Analyst",
        "Which customers order most often?",
        """
SELECT customer_id, count(*) AS orders, sum(amount_cents) / 100 AS amount, max(occurred_at) AS last
FROM orders
WHERE occurred_at > now() - INTERVAL 1 DAY
GROUP BY customer_id
ORDER BY orders DESC, amount DESC
LIMIT 50
""",
    ),
    Example(
        "Product",
        "What did each campaign cost and bring?",
        """
SELECT day, campaign, channel, impressions, clicks, orders, revenue_cents / 100 AS revenue, cost_cents / 100 AS cost,
       return_on_spend
FROM campaign_returns
ORDER BY day DESC, revenue DESC
LIMIT 200
""",
    ),
    Example(
        "Product",
        "Which products run out first?",
        """
SELECT name, location, status, available, units_per_minute, minutes_of_cover
FROM stock_levels
WHERE status <> 'ok'
ORDER BY available, minutes_of_cover NULLS LAST
LIMIT 200
""",
    ),
    Example(
        "Product",
        "How far do the orders placed come?",
        """
SELECT channel, sum(orders) AS placed, sum(confirmed) AS confirmed, sum(completed) AS completed,
       sum(cancelled) AS cancelled, 100.0 * sum(cancelled) / nullif(sum(orders), 0) AS percent_cancelled
FROM order_windows
WHERE window_start > now() - INTERVAL 1 DAY
GROUP BY channel
ORDER BY placed DESC
""",
    ),
    Example(
        "Product",
        "How often do payments succeed, by method?",
        """
SELECT method, sum(requested) AS requested, sum(authorised) AS authorised, sum(declined) AS declined,
       100.0 * sum(authorised) / nullif(sum(authorised) + sum(declined), 0) AS percent_authorised
FROM payment_windows
WHERE window_start > now() - INTERVAL 1 DAY
GROUP BY method
ORDER BY requested DESC
""",
    ),
)
