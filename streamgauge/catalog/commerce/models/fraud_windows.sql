-- model:  fraud_windows
-- stream: fraud
-- merge:  window
-- every:  10 seconds
-- metrics: flagged, declined, cleared, amount_cents by rule, payment_method
SELECT rule, payment_method,
       count(*) FILTER (WHERE event_type = 'fraud.flagged')           AS flagged,
       count(*) FILTER (WHERE event_type = 'fraud.declined')          AS declined,
       count(*) FILTER (WHERE event_type = 'fraud.cleared')           AS cleared,
       sum(amount_cents) FILTER (WHERE event_type = 'fraud.flagged')  AS amount_cents,
       sum(amount_cents) FILTER (WHERE event_type = 'fraud.declined') AS declined_cents
FROM events
GROUP BY ALL
