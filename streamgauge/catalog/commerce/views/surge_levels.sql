-- view:   surge_levels
-- gauges: articles, wanted_per_minute by channel, level
-- An article counts for each running campaign that advertises it.
SELECT channel, level, count(*) AS articles, sum(wanted_per_minute) AS wanted_per_minute
FROM surge_guard
GROUP BY ALL
