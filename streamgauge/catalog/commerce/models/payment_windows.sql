-- model:  payment_windows
-- stream: payments
-- merge:  window
-- every:  10 seconds
-- metrics: requested, authorised, declined, refunded, authorised_cents, refunded_cents by method
SELECT method,
       count(*) FILTER (WHERE event_type = 'payment.requested')           AS requested,
       count(*) FILTER (WHERE event_type = 'payment.authorised')          AS authorised,
       count(*) FILTER (WHERE event_type = 'payment.declined')            AS declined,
       count(*) FILTER (WHERE event_type = 'payment.refunded')            AS refunded,
       sum(amount_cents) FILTER (WHERE event_type = 'payment.authorised') AS authorised_cents,
       sum(amount_cents) FILTER (WHERE event_type = 'payment.refunded')   AS refunded_cents
FROM events
GROUP BY ALL
