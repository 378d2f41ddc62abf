-- model:  sagas
-- stream: fulfilment
-- merge:  latest
-- key:    order_id
SELECT order_id, state, previous_state, started_at, deadline_at, attempt, amount_cents, reason,
       event_type AS last_event_type, occurred_at
FROM events
