-- view:   saga_steps
-- The history of each saga: when it entered each state, how long it was there, in how many attempts.
SELECT order_id, state, min(occurred_at) AS entered_at, max(attempt) AS attempts,
       lead(min(occurred_at)) OVER (PARTITION BY order_id ORDER BY min((kafka_topic_since, kafka_offset))) AS left_at,
       epoch_ms(lead(min(occurred_at)) OVER (PARTITION BY order_id ORDER BY min((kafka_topic_since, kafka_offset))))
           - epoch_ms(min(occurred_at)) AS milliseconds,
       max_by(reason, (kafka_topic_since, kafka_offset)) AS reason
FROM fulfilment_events
GROUP BY order_id, state
