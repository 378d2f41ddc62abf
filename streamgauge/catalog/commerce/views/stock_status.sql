-- view:   stock_status
-- gauges: articles, available by location, status
SELECT location, status, count(*) AS articles, sum(available)::BIGINT AS available
FROM stock_levels
GROUP BY ALL
