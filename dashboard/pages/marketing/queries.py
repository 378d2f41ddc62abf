"""What the page Marketing asks. A filter that is empty lets everything through.

Two tables of windows side by side: what campaigns did and cost (`marketing_windows`), by the time of the clicks, and
what they are credited with (`attribution_windows`), by the time of the orders. The view `campaign_windows` joins the
same two, but would be worked out whole before a range is cut from it.
"""

from __future__ import annotations

from dashboard.data.query import Query

EVERY = {"channel": "", "campaign": ""}
BOTH = ("marketing", "attribution")
_CHOSEN = "($channel = '' OR channel = $channel) AND ($campaign = '' OR campaign_id = $campaign)"
_RANGE = "window_start >= $since::TIMESTAMPTZ AND window_start < $until::TIMESTAMPTZ"
_COMPLETE = "window_start >= $since::TIMESTAMPTZ AND window_start < $complete_until::TIMESTAMPTZ"
_EARLIER = "window_start >= $previous_since::TIMESTAMPTZ AND window_start < $previous_until::TIMESTAMPTZ"
_WHOLE_EARLIER = """window_start >= $previous_since::TIMESTAMPTZ
      AND window_start < $previous_since::TIMESTAMPTZ + to_seconds($seconds)"""
_SUMS = """coalesce(sum(reached), 0)::BIGINT       AS reached,
       coalesce(sum(clicks), 0)::BIGINT        AS clicks,
       coalesce(sum(redemptions), 0)::BIGINT   AS redemptions,
       coalesce(sum(cost_cents), 0)::BIGINT    AS cost_cents,
       coalesce(sum(orders), 0)::BIGINT        AS orders,
       coalesce(sum(revenue_cents), 0)::BIGINT AS revenue_cents,
       coalesce(sum(margin_cents), 0)::BIGINT  AS margin_cents"""


def _flows(span: str, within: str) -> str:
    """Both tables' windows of a span. An email counts like an advertisement: sent is shown, opened is clicked."""
    return f"""SELECT '{span}' AS span, window_start, campaign_id, channel,
           coalesce(impressions, 0) + coalesce(emails_sent, 0) AS reached,
           coalesce(clicks, 0) + coalesce(emails_opened, 0) AS clicks, redemptions, cost_cents,
           0 AS orders, 0 AS revenue_cents, 0 AS margin_cents
    FROM marketing_windows
    WHERE {within}
      AND {_CHOSEN}
    UNION ALL
    SELECT '{span}', window_start, campaign_id, channel, 0, 0, 0, 0, orders, revenue_cents, margin_cents
    FROM attribution_windows
    WHERE {within}
      AND {_CHOSEN}"""


CHOICES = Query(
    "marketing.choices",
    "The campaigns and channels of the range.",
    f"""
WITH seen AS (
    SELECT campaign_id, channel FROM marketing_windows WHERE {_RANGE}
    UNION
    SELECT campaign_id, channel FROM attribution_windows WHERE {_RANGE}
)
SELECT campaign_id, channel, name
FROM seen LEFT JOIN (SELECT campaign_id, name FROM campaigns) USING (campaign_id)
ORDER BY campaign_id, channel
LIMIT 1000
""",
    BOTH,
)

# A row for each span, also where there was nothing. `reaches_back`: is there anything as old as what is compared with?
TOTALS = Query(
    "marketing.totals",
    "What campaigns cost and brought: in the range, in its complete windows, and in the same span earlier.",
    f"""
WITH flows AS (
    {_flows("range", _RANGE)}
    UNION ALL
    {_flows("complete", _COMPLETE)}
    UNION ALL
    {_flows("earlier", _EARLIER)}
)
SELECT span, count(window_start) AS windows,
       {_SUMS},
       EXISTS (SELECT 1 FROM stream_windows
               WHERE window_start <= $previous_since::TIMESTAMPTZ AND events > late AND stream <> 'lag') AS reaches_back
FROM (VALUES ('range'), ('complete'), ('earlier')) AS spans(span) LEFT JOIN flows USING (span)
GROUP BY span
""",
    BOTH,
    EVERY,
)

TIMELINE = Query(
    "marketing.timeline",
    "What campaigns cost and brought in each bar of the range, split; `earlier` rows are the compared span's, moved.",
    f"""
WITH flows AS (
    {_flows("range", _RANGE)}
    UNION ALL
    {_flows("earlier", _WHOLE_EARLIER)}
)
SELECT time_bucket(to_seconds($bucket_s), CASE WHEN span = 'range' THEN window_start
           ELSE window_start + ($since::TIMESTAMPTZ - $previous_since::TIMESTAMPTZ) END) AS bucket,
       span = 'earlier' AS earlier,
       CASE WHEN span = 'range' THEN CASE $by WHEN 'campaign' THEN campaign_id ELSE channel END END AS name,
       {_SUMS}
FROM flows
GROUP BY ALL
ORDER BY earlier, bucket, name
LIMIT 50000
""",
    BOTH,
    {**EVERY, "by": "channel"},
)

CHANNELS = Query(
    "marketing.channels",
    "What each channel cost and brought in the range.",
    f"""
WITH flows AS (
    {_flows("range", _RANGE)}
)
SELECT channel,
       {_SUMS}
FROM flows
GROUP BY channel
ORDER BY revenue_cents DESC, channel
LIMIT 50
""",
    BOTH,
    EVERY,
)

CAMPAIGNS = Query(
    "marketing.campaigns",
    "What each campaign cost and brought in the range, with what is known of it.",
    f"""
WITH flows AS (
    {_flows("range", _RANGE)}
), sums AS (
    SELECT campaign_id, channel,
       {_SUMS}
    FROM flows
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

# A segment that is not known is absent; orders that were taken back again are in no sum.
SEGMENTS = Query(
    "marketing.segments",
    "To whom campaigns sold in the range: new, returning and lapsed customers.",
    f"""
SELECT segment, sum(orders)::BIGINT AS orders, coalesce(sum(revenue_cents), 0)::BIGINT AS revenue_cents,
       coalesce(sum(margin_cents), 0)::BIGINT AS margin_cents
FROM attribution_windows
WHERE {_RANGE}
  AND {_CHOSEN}
GROUP BY segment
ORDER BY orders DESC, segment
""",
    ("attribution",),
    EVERY,
)
