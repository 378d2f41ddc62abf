-- view:   surge_guard
-- Running campaigns against the stock of what they advertise: how long it lasts at the present rate, and how that rate
-- compares with the usual one, of the full hours of the last day.
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
)
SELECT c.campaign_id, c.name AS campaign, c.channel, c.category, l.sku, l.location, l.available,
       l.units_per_minute, l.units_per_minute / nullif(u.usual_per_minute, 0) AS times_usual,
       l.units_per_minute + l.refused_per_minute AS wanted_per_minute,
       sum(l.units_per_minute) OVER (PARTITION BY c.campaign_id) AS campaign_units_per_minute,
       CASE WHEN l.available <= 0 THEN 0 ELSE l.minutes_of_cover END AS minutes_until_sold_out,
       epoch(c.ends_at - now()) / 60 AS campaign_minutes_left,
       CASE WHEN l.available <= 0 THEN 'sold_out'
            WHEN l.minutes_of_cover < 1 THEN 'critical'
            WHEN l.minutes_of_cover < 5 THEN 'warning'
            ELSE 'ok' END AS level
FROM running c
JOIN stock_levels l USING (category)
LEFT JOIN usual u ON u.sku = l.sku AND u.location = l.location
