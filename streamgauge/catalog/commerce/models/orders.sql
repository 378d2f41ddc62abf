-- model:  orders
-- stream: orders
-- merge:  latest
-- key:    order_id
SELECT order_id, split_part(event_type, '.', 2) AS status, customer_id, region, channel, payment_method,
       currency, amount_cents, campaign_id, reason, occurred_at
FROM events
