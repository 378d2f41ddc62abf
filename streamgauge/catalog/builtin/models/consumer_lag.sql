-- model:  consumer_lag
-- stream: lag
-- merge:  latest
-- key:    group, topic, partition
-- A row stays when its group is deleted: what holds now has the newest `occurred_at`, give or take two intervals.
SELECT "group", topic, partition, status, committed_offset, end_offset, oldest_offset, lag, lag_least, lag_most,
       lost, undecided, lag_seconds,
       produced_per_second, consumed_per_second, catch_up_seconds, retention_used, group_state, members, member,
       waiting_keys, waiting_cents, waiting_complete, occurred_at
FROM events
