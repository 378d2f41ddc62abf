-- model:  reading_events
-- stream: readings
-- merge:  append
SELECT * FROM events
