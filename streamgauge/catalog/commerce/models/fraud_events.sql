-- model:  fraud_events
-- stream: fraud
-- merge:  append
SELECT * FROM events
