"""Queries of the Overview."""

from __future__ import annotations

from dashboard.data import comparison
from dashboard.data.query import Query

ORDERS = Query(
    "overview.orders",
    "Orders placed and their amount in the range, in its complete windows, and in the same span earlier.",
    f"""
WITH spans AS (
    {comparison.spans("order_windows")}
)
SELECT {comparison.compared("revenue_cents")},
       {comparison.summed("orders")},
       (SELECT coalesce(sum(orders), 0)::BIGINT FROM order_windows
        WHERE window_start >= $rate_since::TIMESTAMPTZ AND window_start < $complete_until::TIMESTAMPTZ) AS recent
FROM spans
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
