-- model:  audit_events
-- stream: audit
-- merge:  append
-- One row a step of an action taken through the pages: `requested` before it, `done` or `failed` after it.
SELECT * FROM events
