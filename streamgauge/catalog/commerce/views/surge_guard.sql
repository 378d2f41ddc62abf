-- view:   surge_guard
-- Running campaigns against the stock of what they advertise: how long it lasts, and how the rate compares with the
-- usual one, of the full hours of the last day. The rate is that of ten minutes or of the last two, whichever is higher.
WITH hours AS (
    SELECT least(24, datediff('hour', min(window_start), date_trunc('hour', now()))) AS known FROM stock_demand
),
usual AS (
    SELECT sku, location, greatest(0, sum(reserved) - sum(released)) / (60.0 * nullif(max(h.known), 0)) AS usual_per_minute
    FROM stock_demand, hours h
    WHERE window_start >= date_trunc('hour', now()) - INTERVAL 24 HOUR AND window_start < date_trunc('hour', now())
    GROUP BY ALL
),
running AS (
    SELECT campaign_id, name, channel, category, ends_at
    FROM campaigns
    WHERE starts_at <= now() AND (ends_at IS NULL OR ends_at > now())
),
demand AS (
    SELECT *, greatest(units_per_minute, units_per_minute_lately) AS rate,
           CASE WHEN available <= 0 THEN 0 WHEN rate > 0 THEN available / rate END AS minutes
    FROM stock_levels
)
SELECT c.campaign_id, c.name AS campaign, c.channel, c.category, d.sku, d.location, d.available,
       d.rate AS units_per_minute, d.rate / nullif(u.usual_per_minute, 0) AS times_usual,
       d.rate + d.refused_per_minute AS wanted_per_minute,
       sum(d.rate) OVER (PARTITION BY c.campaign_id) AS campaign_units_per_minute,
       d.minutes AS minutes_until_sold_out,
       epoch(c.ends_at) / 60 - epoch(now()) / 60 AS campaign_minutes_left,
       CASE WHEN d.available <= 0 THEN 'sold_out'
            WHEN d.minutes < 1 THEN 'critical'
            WHEN d.minutes < 5 THEN 'warning'
            ELSE 'ok' END AS level
FROM running c
JOIN demand d USING (category)
LEFT JOIN usual u ON u.sku = d.sku AND u.location = d.location
