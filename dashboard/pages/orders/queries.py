"""Queries of the page Orders and revenue. `$by` is one of `region`, `channel`, `payment_method`; an empty filter
matches everything."""

from __future__ import annotations

from dashboard.data import comparison
from dashboard.data.query import Query

EVERY = {"region": "", "channel": "", "payment_method": ""}
_CHOSEN = """($region = '' OR region = $region) AND ($channel = '' OR channel = $channel)
  AND ($payment_method = '' OR payment_method = $payment_method)"""
_NAME = "CASE $by WHEN 'region' THEN region WHEN 'channel' THEN channel ELSE payment_method END"
_SPANS = comparison.spans("order_windows", _CHOSEN)

CHOICES = Query(
    "orders.choices",
    "The regions, channels and payment methods of the range.",
    f"""
SELECT DISTINCT region, channel, payment_method
FROM order_windows
WHERE {comparison.IN_RANGE}
ORDER BY ALL
LIMIT 2000
""",
    ("orders",),
)

TOTALS = Query(
    "orders.totals",
    "Orders, revenue, units, outcomes: in the range, in its complete windows, and in the same span earlier.",
    f"""
WITH spans AS (
    {_SPANS}
)
SELECT {comparison.compared("orders", "revenue_cents", "units")},
       {comparison.summed("confirmed", "cancelled", "completed")}
FROM spans
""",
    ("orders",),
    EVERY,
)

TIMELINE = Query(
    "orders.timeline",
    "Orders and revenue in each bar of the range, split; `earlier` rows are the compared span's, moved to this one.",
    comparison.timeline("order_windows", _CHOSEN, _NAME, "orders", "revenue_cents"),
    ("orders",),
    {**EVERY, "by": "region"},
)

# `all_cents` is the revenue of all names, listed or not.
RANKING = Query(
    "orders.ranking",
    "Orders, revenue and outcomes of orders in the range, by region, channel or payment method.",
    f"""
WITH spans AS (
    {_SPANS}
)
SELECT {_NAME} AS name,
       {comparison.compared("revenue_cents")},
       {comparison.summed("orders", "units", "confirmed", "cancelled", "completed")},
       (sum(coalesce(sum(revenue_cents) FILTER (WHERE span <> 'earlier'), 0)) OVER ())::BIGINT AS all_cents
FROM spans
GROUP BY name
HAVING count(*) FILTER (WHERE span <> 'earlier') > 0
ORDER BY revenue_cents DESC, name
LIMIT 200
""",
    ("orders",),
    {**EVERY, "by": "region"},
)
