-- model:  dead_letters
-- stream: dead_letters
-- merge:  append
-- One row of `events` is one dead letter of any stream; the untouched event is in `<stream>.dlq`.
SELECT stream, reason, detail, key, payload, bytes, kafka_partition, kafka_offset, kafka_timestamp
FROM events
