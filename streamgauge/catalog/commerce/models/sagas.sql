-- model:  sagas
-- stream: fulfilment
-- merge:  latest
-- key:    order_id
SELECT order_id, state,
       CASE WHEN state IN ('reserving_stock', 'releasing_stock') THEN 'stock'
            WHEN state IN ('requesting_payment', 'refunding_payment') THEN 'payment'
            WHEN state IN ('requesting_shipment', 'cancelling_shipment') THEN 'shipment'
            WHEN state = 'shipping' THEN 'delivery'
            ELSE 'ended' END AS step,
       previous_state, started_at, deadline_at, attempt, greatest(coalesce(attempt, 1) - 1, 0) AS retries, amount_cents,
       reason, event_type AS last_event_type, occurred_at
FROM events
