-- view:   sagas_stuck
-- gauges: overdue, cents by state
-- Sagas that should have moved on: ten seconds past the deadline of their attempt, so that nobody times them out; or
-- three times as long in their state as 95 of 100 others were, and ten seconds at least.
WITH running AS (FROM sagas WHERE step <> 'ended'),
standing AS (
    SELECT s.order_id, s.state, s.step, s.attempt, s.retries, s.reason, s.deadline_at, s.amount_cents, s.started_at,
           coalesce(t.entered_at, s.occurred_at) AS entered_at,
           (epoch_ms(now()) - epoch_ms(coalesce(t.entered_at, s.occurred_at))) / 1000 AS age_seconds
    FROM running s
    LEFT JOIN (
        SELECT order_id, state, min(occurred_at) AS entered_at FROM fulfilment_events
        WHERE order_id IN (SELECT order_id FROM running)
        GROUP BY order_id, state
    ) t ON t.order_id = s.order_id AND t.state = s.state
)
SELECT o.*, p.p95_seconds, o.age_seconds / nullif(p.p95_seconds, 0) AS times_p95,
       o.deadline_at < now() - INTERVAL 10 SECONDS AS past_deadline,
       1 AS overdue, o.amount_cents AS cents
FROM standing o
LEFT JOIN (FROM saga_step_times WHERE sagas >= 20) p USING (state)
WHERE o.deadline_at < now() - INTERVAL 10 SECONDS OR o.age_seconds > greatest(3 * p.p95_seconds, 10)
