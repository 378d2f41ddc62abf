-- model:  fraud_alerts
-- stream: fraud
-- merge:  append
SELECT * FROM events WHERE event_type <> 'fraud.cleared'
