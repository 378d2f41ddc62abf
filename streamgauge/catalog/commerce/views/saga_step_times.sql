-- view:   saga_step_times
-- How long a state takes: of the sagas that left it in the last hour. What is stuck now does not count, so a slow step
-- does not become normal while it is slow. (Where a saga entered the state more than two hours ago, it is not counted.)
WITH entered AS (
    SELECT order_id, state, min(occurred_at) AS entered_at, min((kafka_topic_since, kafka_offset)) AS at_offset
    FROM fulfilment_events
    WHERE occurred_at > now() - INTERVAL 2 HOURS
    GROUP BY order_id, state
),
steps AS (
    SELECT state, entered_at, lead(entered_at) OVER (PARTITION BY order_id ORDER BY at_offset) AS left_at FROM entered
)
SELECT state, count(*) AS sagas,
       quantile_cont(epoch_ms(left_at) - epoch_ms(entered_at), 0.5) / 1000  AS p50_seconds,
       quantile_cont(epoch_ms(left_at) - epoch_ms(entered_at), 0.95) / 1000 AS p95_seconds,
       max(epoch_ms(left_at) - epoch_ms(entered_at)) / 1000                 AS max_seconds
FROM steps
WHERE left_at > now() - INTERVAL 1 HOUR
GROUP BY state
