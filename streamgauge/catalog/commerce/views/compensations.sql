-- view:   compensations
-- The compensation ledger: what moved for an order, what was moved back, and what is left over. A delivered order keeps
-- its amount and no units, any other keeps nothing; while its saga runs, what is left over is merely under way.
-- Nothing here is the saga's own word. It needs the order's raw events, so it reaches back as far as they are kept.
WITH once AS (
    SELECT order_id, event_id, any_value(event_type) AS event_type, any_value(amount) AS amount
    FROM order_moves
    GROUP BY order_id, event_id
),
moved AS (
    SELECT order_id,
           coalesce(sum(amount) FILTER (WHERE event_type = 'payment.authorised'), 0)::BIGINT AS authorised_cents,
           coalesce(sum(amount) FILTER (WHERE event_type = 'payment.refunded'), 0)::BIGINT   AS refunded_cents,
           coalesce(sum(amount) FILTER (WHERE event_type = 'stock.reserved'), 0)::BIGINT     AS reserved_units,
           coalesce(sum(amount) FILTER (WHERE event_type = 'stock.released'), 0)::BIGINT     AS released_units,
           coalesce(sum(amount) FILTER (WHERE event_type = 'stock.shipped'), 0)::BIGINT      AS shipped_units,
           coalesce(bool_or(event_type = 'shipment.delivered'), false)                       AS delivered
    FROM once
    GROUP BY order_id
),
placed AS (
    SELECT order_id, any_value(amount_cents) AS amount_cents, min(occurred_at) AS placed_at
    FROM order_events WHERE event_type = 'order.placed'
    GROUP BY order_id
)
SELECT order_id, p.placed_at, p.amount_cents, m.delivered, m.authorised_cents, m.refunded_cents, m.reserved_units,
       m.released_units, m.shipped_units,
       m.authorised_cents - m.refunded_cents - CASE WHEN m.delivered THEN p.amount_cents ELSE 0 END AS residue_cents,
       m.reserved_units - m.released_units - m.shipped_units                                       AS residue_units
FROM moved m JOIN placed p USING (order_id)
