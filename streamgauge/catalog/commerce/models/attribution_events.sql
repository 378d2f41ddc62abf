-- model:  attribution_events
-- stream: attribution
-- merge:  append
SELECT * FROM events
