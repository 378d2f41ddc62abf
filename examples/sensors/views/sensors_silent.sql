-- view:   sensors_silent
-- gauges: silent by building
SELECT building, count(*) AS silent
FROM sensors WHERE taken_at < now() - INTERVAL 10 MINUTES
GROUP BY ALL
