-- model:  payment_events
-- stream: payments
-- merge:  append
SELECT * FROM events
