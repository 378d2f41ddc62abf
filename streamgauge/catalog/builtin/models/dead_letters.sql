-- model:  dead_letters
-- stream: dead_letters
-- merge:  append
-- One row of `events` is one dead letter; the whole of it is in `letter_topic`. `stream` is ours, or the dead-letter
-- topic of another service; `topic`, `kafka_partition` and `kafka_offset` say where the event was, of the
-- topic with that id: one that was made anew has another id, and its offsets begin again.
SELECT stream, reason, detail, key, payload, bytes, kafka_partition, kafka_offset, kafka_timestamp,
       topic, kafka_topic_id, fingerprint, field, event_time, attempts, retry_of, consumer, letter_topic,
       letter_partition, letter_offset, dead_at
FROM events
