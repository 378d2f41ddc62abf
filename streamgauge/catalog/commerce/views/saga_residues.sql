-- view:   saga_residues
-- gauges: orders, cents, units by state
-- Sagas that ended and left money or stock where it should not be, in the last hour; failed ones for a day. What follows
-- the end of a saga, as the write-off of what was sold, has a minute. As `compensations`, for these orders alone.
WITH ended AS (
    SELECT order_id, state, started_at, occurred_at AS ended_at, amount_cents, reason
    FROM sagas
    WHERE step = 'ended' AND occurred_at < now() - INTERVAL 1 MINUTE
      AND occurred_at > now() - CASE WHEN state = 'failed' THEN INTERVAL 24 HOURS ELSE INTERVAL 1 HOUR END
),
once AS (
    SELECT order_id, event_id, any_value(event_type) AS event_type, any_value(amount) AS amount
    FROM order_moves
    WHERE order_id IN (SELECT order_id FROM ended)
    GROUP BY order_id, event_id
),
moved AS (
    SELECT order_id,
           coalesce(sum(CASE event_type WHEN 'payment.authorised' THEN amount
                                        WHEN 'payment.refunded' THEN -amount END), 0)::BIGINT AS cents,
           coalesce(sum(CASE WHEN event_type = 'stock.reserved' THEN amount
                             WHEN event_type IN ('stock.released', 'stock.shipped') THEN -amount END), 0)::BIGINT
               AS units,
           coalesce(bool_or(event_type = 'shipment.delivered'), false) AS delivered
    FROM once
    GROUP BY order_id
),
-- Where retention has taken an order's first events, its last ones alone would look like too much moved back.
kept AS (
    SELECT greatest((SELECT min(occurred_at) FROM payment_events), (SELECT min(occurred_at) FROM inventory_events))
           AS since
),
residues AS (
    SELECT e.*, m.cents - CASE WHEN m.delivered THEN e.amount_cents ELSE 0 END AS residue_cents,
           m.units AS residue_units
    FROM ended e JOIN moved m USING (order_id)
)
SELECT order_id, state, started_at, ended_at, amount_cents, reason, residue_cents, residue_units,
       1 AS orders, abs(residue_cents) AS cents, abs(residue_units) AS units
FROM residues, kept
WHERE residue_cents > 0 OR residue_units > 0
   OR ((residue_cents < 0 OR residue_units < 0) AND started_at > kept.since)
