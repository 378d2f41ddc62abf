-- model:  fulfilment_events
-- stream: fulfilment
-- merge:  append
SELECT * FROM events
