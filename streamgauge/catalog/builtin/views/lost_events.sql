-- view:   lost_events
-- gauges: recent_events by stream
-- What retention deleted before analytics read it: offsets `first_offset` to `last_offset` of a partition, found at
-- `lost_at`. `events` counts offsets, so transaction markers are in it; `recent_events` is 0 after a day.
SELECT lost.topic AS stream, lost.topic_id, lost.partition, lost.first AS first_offset,
       lost.following - 1 AS last_offset, lost.following - lost.first AS events,
       CASE WHEN to_timestamp(lost.at_ms / 1000) > now() - INTERVAL 24 HOURS
            THEN lost.following - lost.first ELSE 0 END AS recent_events,
       to_timestamp(lost.at_ms / 1000) AS lost_at
FROM (
    SELECT unnest(from_json(json_extract(stated, '$.lost'), '[{"topic": "VARCHAR", "topic_id": "VARCHAR",
                  "partition": "INTEGER", "first": "BIGINT", "following": "BIGINT", "at_ms": "BIGINT"}]')) AS lost
    FROM internal.inputs
)
