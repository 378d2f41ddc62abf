-- model:  inventory_events
-- stream: inventory
-- merge:  append
SELECT * FROM events
