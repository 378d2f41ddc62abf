-- view:   segment_returns
-- Who buys because of a campaign, by day (UTC): new, returning and lapsed customers.
WITH days AS (
    SELECT date_trunc('day', window_start AT TIME ZONE 'UTC')::DATE AS day, campaign_id, channel, segment,
           sum(orders)::BIGINT AS orders, sum(revenue_cents)::BIGINT AS revenue_cents,
           sum(margin_cents)::BIGINT AS margin_cents
    FROM attribution_windows
    GROUP BY ALL
)
SELECT d.day, d.campaign_id, c.name AS campaign, d.channel, d.segment, d.orders, d.revenue_cents, d.margin_cents,
       d.revenue_cents / nullif(d.orders, 0)                                                AS cents_per_order,
       d.orders / nullif(sum(d.orders) OVER (PARTITION BY d.day, d.campaign_id, d.channel), 0) AS share_of_orders
FROM days d LEFT JOIN campaigns c USING (campaign_id)
