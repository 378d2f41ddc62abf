-- model:  stream_windows
-- stream: *
-- merge:  window
-- every:  10 seconds
-- One row of `events` is one message of any stream; latency is from Kafka's timestamp to the event's being processed.
-- `events` counts every message, repeats, dead letters and tombstones too: `events - dead_letters - repeated - tombstones`
-- is what tables count.
-- `outdated` events were older than any window when they arrived: they count here as of their arrival, and in the windows of
-- other models they are not kept.
SELECT stream, kafka_partition AS partition,
       count(*)                                              AS events,
       sum(bytes)                                            AS bytes,
       count(*) FILTER (WHERE dead)                          AS dead_letters,
       count(*) FILTER (WHERE late)                          AS late,
       min(occurred_at)                                      AS min_occurred_at,
       max(occurred_at)                                      AS max_occurred_at,
       sum(latency_ms)                                       AS latency_ms,
       count(*) FILTER (WHERE latency_ms <= 100)             AS latency_le_100ms,
       count(*) FILTER (WHERE latency_ms <= 250)             AS latency_le_250ms,
       count(*) FILTER (WHERE latency_ms <= 500)             AS latency_le_500ms,
       count(*) FILTER (WHERE latency_ms <= 1000)            AS latency_le_1s,
       count(*) FILTER (WHERE latency_ms <= 5000)            AS latency_le_5s,
       count(*) FILTER (WHERE latency_ms <= 60000)           AS latency_le_60s,
       count(*) FILTER (WHERE repeated)                      AS repeated,
       count(*) FILTER (WHERE outdated)                      AS outdated,
       count(*) FILTER (WHERE tombstone)                     AS tombstones
FROM events
GROUP BY ALL
