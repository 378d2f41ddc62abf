-- model:  climate_windows
-- stream: readings
-- merge:  window
-- every:  1 minute
-- The mean is temperature_mc / readings at read time: means of two batches cannot be added, so no model has one.
SELECT building,
       count(temperature_mc)                                AS readings,
       count(*) FILTER (WHERE event_type = 'reading.failed') AS failures,
       sum(temperature_mc)                                  AS temperature_mc,
       min(temperature_mc)                                  AS min_temperature_mc,
       max(temperature_mc)                                  AS max_temperature_mc
FROM events
GROUP BY ALL
