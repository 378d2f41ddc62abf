"""Queries about the saga of one order."""

from __future__ import annotations

from datetime import UTC, datetime

from dashboard.data.query import Query

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

SAGA = Query(
    "saga.now",
    "State of the saga of an order.",
    """
SELECT order_id, state, step, attempt, started_at, deadline_at, occurred_at, amount_cents, reason
FROM sagas WHERE order_id = $order
""",
    ("fulfilment",),
    {"order": ""},
)

# Clocks of services differ: events may be dated up to a minute before the saga started.
STEPS = Query(
    "saga.steps",
    "States of the saga of an order: since when, for how long, in how many attempts.",
    """
SELECT state, any_value(previous_state) AS previous_state, min(occurred_at) AS entered_at,
       coalesce(max(attempt), 1)::BIGINT AS attempts,
       max_by(deadline_at, (kafka_topic_since, kafka_offset)) AS deadline_at,
       max_by(reason, (kafka_topic_since, kafka_offset)) AS reason,
       lead(min(occurred_at)) OVER (ORDER BY min((kafka_topic_since, kafka_offset))) AS left_at
FROM fulfilment_events
WHERE order_id = $order AND occurred_at >= $began::TIMESTAMPTZ - INTERVAL 1 MINUTE
GROUP BY state
ORDER BY min((kafka_topic_since, kafka_offset))
LIMIT 50
""",
    ("fulfilment",),
    {"order": "", "began": _LONG_AGO},
)

STORY = Query(
    "saga.story",
    "Every event of an order, of all streams, in causal order, with what it changed.",
    """
SELECT seq, happened_at, service, stream, event, detail, late
FROM story($order, of_kind := 'order_id')
ORDER BY seq
LIMIT 200
""",
    (),
    {"order": ""},
)
