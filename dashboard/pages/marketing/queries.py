"""Queries of the page Marketing. An empty filter matches everything.

They add two window tables: reach and cost of campaigns (`marketing_windows`), by the time of the clicks, and credited
orders (`attribution_windows`), by the time of the orders. The view `campaign_windows` joins the same two, but would be
computed whole before a range is selected.
"""

from __future__ import annotations

from dashboard.data import comparison
from dashboard.data.query import Query

EVERY = {"channel": "", "campaign": ""}
BOTH = ("marketing", "attribution")
_CHOSEN = "($channel = '' OR channel = $channel) AND ($campaign = '' OR campaign_id = $campaign)"
_MEASURES = ("reached", "clicks", "redemptions", "cost_cents", "orders", "revenue_cents", "margin_cents")
# Windows of both tables. An email counts like an advertisement: sent is shown, opened is clicked.
_FLOWS = """(
        SELECT window_start, campaign_id, channel, coalesce(impressions, 0) + coalesce(emails_sent, 0) AS reached,
               coalesce(clicks, 0) + coalesce(emails_opened, 0) AS clicks, redemptions, cost_cents,
               0 AS orders, 0 AS revenue_cents, 0 AS margin_cents
        FROM marketing_windows
        UNION ALL
        SELECT window_start, campaign_id, channel, 0, 0, 0, 0, orders, revenue_cents, margin_cents
        FROM attribution_windows
    )"""
_SUMS = ",\n       ".join(f"coalesce(sum({measure}), 0)::BIGINT AS {measure}" for measure in _MEASURES)

CHOICES = Query(
    "marketing.choices",
    "The campaigns and channels of the range.",
    f"""
WITH seen AS (
    SELECT campaign_id, channel FROM marketing_windows WHERE {comparison.IN_RANGE}
    UNION
    SELECT campaign_id, channel FROM attribution_windows WHERE {comparison.IN_RANGE}
)
SELECT campaign_id, channel, name
FROM seen LEFT JOIN (SELECT campaign_id, name FROM campaigns) USING (campaign_id)
ORDER BY campaign_id, channel
LIMIT 1000
""",
    BOTH,
)

TOTALS = Query(
    "marketing.totals",
    "Cost and revenue of campaigns: in the range, in its complete windows, and in the same span earlier.",
    f"""
WITH spans AS (
    {comparison.spans(_FLOWS, _CHOSEN)}
)
SELECT {comparison.compared(*_MEASURES)},
       count(*) FILTER (WHERE span <> 'earlier') AS windows
FROM spans
""",
    BOTH,
    EVERY,
)

TIMELINE = Query(
    "marketing.timeline",
    "Cost and revenue of campaigns in each bar of the range, split; `earlier` rows are the compared span's, moved.",
    comparison.timeline(_FLOWS, _CHOSEN, "CASE $by WHEN 'campaign' THEN campaign_id ELSE channel END", *_MEASURES),
    BOTH,
    {**EVERY, "by": "channel"},
)

CHANNELS = Query(
    "marketing.channels",
    "Cost and revenue of each channel in the range.",
    f"""
SELECT channel,
       {_SUMS}
FROM {_FLOWS}
WHERE {comparison.IN_RANGE}
  AND {_CHOSEN}
GROUP BY channel
ORDER BY revenue_cents DESC, channel
LIMIT 50
""",
    BOTH,
    EVERY,
)

CAMPAIGNS = Query(
    "marketing.campaigns",
    "Cost and revenue of each campaign in the range, with its name and times.",
    f"""
WITH sums AS (
    SELECT campaign_id, channel,
       {_SUMS}
    FROM {_FLOWS}
    WHERE {comparison.IN_RANGE}
      AND {_CHOSEN}
    GROUP BY campaign_id, channel
)
SELECT campaign_id, c.name, s.channel, c.category, c.starts_at, c.ends_at,
       reached, clicks, redemptions, cost_cents, orders, revenue_cents, margin_cents
FROM sums s LEFT JOIN campaigns c USING (campaign_id)
ORDER BY revenue_cents DESC, cost_cents DESC, campaign_id, s.channel
LIMIT 200
""",
    BOTH,
    EVERY,
)

# An unknown segment is NULL; reversed orders are in no sum.
SEGMENTS = Query(
    "marketing.segments",
    "Credited orders of the range by segment: new, returning and lapsed customers.",
    f"""
SELECT segment, sum(orders)::BIGINT AS orders, coalesce(sum(revenue_cents), 0)::BIGINT AS revenue_cents,
       coalesce(sum(margin_cents), 0)::BIGINT AS margin_cents
FROM attribution_windows
WHERE {comparison.IN_RANGE}
  AND {_CHOSEN}
GROUP BY segment
ORDER BY orders DESC, segment
""",
    ("attribution",),
    EVERY,
)
