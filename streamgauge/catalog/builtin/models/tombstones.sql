-- model:  tombstones
-- stream: tombstones
-- merge:  latest
-- key:    stream, key
-- Keys of compacted streams that a message without a value declared gone: their rows left the stream's latest tables.
-- A key that comes back has its row again, and stays here; `kafka_offset` says which of the two is newer.
SELECT stream, key, kafka_partition, kafka_timestamp, arrived_at, kafka_topic_id
FROM events
