-- view:   campaign_returns
-- Campaigns by day (UTC): what they cost and what they brought. Ratios are absent where there is nothing to divide by.
-- Any other time range: the same from campaign_windows.
WITH days AS (
    SELECT date_trunc('day', window_start AT TIME ZONE 'UTC')::DATE AS day, campaign_id, channel,
           sum(impressions)::BIGINT AS impressions, sum(clicks)::BIGINT AS clicks, sum(orders)::BIGINT AS orders,
           sum(revenue_cents)::BIGINT AS revenue_cents, sum(margin_cents)::BIGINT AS margin_cents,
           sum(cost_cents)::BIGINT AS cost_cents
    FROM campaign_windows
    GROUP BY ALL
)
SELECT d.day, d.campaign_id, c.name AS campaign, d.channel, d.impressions, d.clicks, d.orders, d.revenue_cents,
       d.margin_cents, d.cost_cents,
       d.orders / nullif(d.clicks, 0)             AS conversion,
       d.revenue_cents / nullif(d.cost_cents, 0)  AS return_on_spend,
       d.margin_cents - d.cost_cents              AS profit_cents
FROM days d LEFT JOIN campaigns c USING (campaign_id)
