-- view:   order_moves
-- Money and units that moved for an order, and deliveries, by the word of the services that moved them. An answer may be
-- repeated: count each event_id once.
SELECT order_id, event_id, event_type, amount_cents AS amount, occurred_at FROM payment_events
WHERE event_type IN ('payment.authorised', 'payment.refunded')
UNION ALL
SELECT order_id, event_id, event_type, quantity, occurred_at FROM inventory_events
WHERE order_id IS NOT NULL AND event_type IN ('stock.reserved', 'stock.released', 'stock.shipped')
UNION ALL
SELECT order_id, event_id, event_type, 0, occurred_at FROM shipment_events WHERE event_type = 'shipment.delivered'
