-- model:  shipment_events
-- stream: shipments
-- merge:  append
SELECT * FROM events
