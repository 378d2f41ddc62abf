-- model:  lag_events
-- stream: lag
-- merge:  append
-- The history of `consumer_lag`: every sample, for as long as raw events stay.
SELECT * FROM events
