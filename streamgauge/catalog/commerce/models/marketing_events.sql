-- model:  marketing_events
-- stream: marketing
-- merge:  append
SELECT * FROM events
