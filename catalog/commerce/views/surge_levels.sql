-- view:   surge_levels
-- gauges: articles, campaigns by channel, level
SELECT channel, level, count(DISTINCT (sku, location)) AS articles, count(DISTINCT campaign_id) AS campaigns
FROM surge_guard
GROUP BY ALL
