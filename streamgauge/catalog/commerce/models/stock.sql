-- model:  stock
-- stream: inventory
-- merge:  latest
-- key:    sku, location
SELECT sku, location, on_hand, reserved, event_type AS last_event_type, occurred_at
FROM events
