-- view:   campaign_windows
-- What a campaign cost and what it brought, in windows of 10 s: clicks and costs by their own time, orders by theirs.
SELECT coalesce(m.window_start, a.window_start)      AS window_start,
       coalesce(m.campaign_id, a.campaign_id)        AS campaign_id,
       coalesce(m.channel, a.channel)                AS channel,
       coalesce(m.impressions, 0)                    AS impressions,
       coalesce(m.clicks, 0) + coalesce(m.emails_opened, 0) AS clicks,
       coalesce(a.orders, 0)                         AS orders,
       coalesce(a.revenue_cents, 0)                  AS revenue_cents,
       coalesce(a.margin_cents, 0)                   AS margin_cents,
       coalesce(m.cost_cents, 0)                     AS cost_cents
FROM marketing_windows m
FULL JOIN (
    SELECT window_start, campaign_id, channel, sum(orders)::BIGINT AS orders, sum(revenue_cents)::BIGINT AS revenue_cents,
           sum(margin_cents)::BIGINT AS margin_cents
    FROM attribution_windows GROUP BY ALL
) a ON a.window_start = m.window_start AND a.campaign_id = m.campaign_id AND a.channel = m.channel
