-- model:  sensors
-- stream: readings
-- merge:  latest
-- key:    sensor_id
SELECT sensor_id, building, temperature_mc, battery_percent, fault, taken_at
FROM events
