-- model:  dead_letter_retries
-- stream: dead-letter-retries
-- merge:  append
-- One row a dead letter that was sent again; `letter` is its id, `topic:partition:offset` in `dead_letters`.
SELECT * FROM events
