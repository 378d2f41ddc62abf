-- model:  order_events
-- stream: orders
-- merge:  append
SELECT * FROM events
