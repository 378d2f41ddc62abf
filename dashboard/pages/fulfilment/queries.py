"""Queries of the page Fulfilment. Raw events are read by time only; the views over hours of them cost more, and are
queried less often (`SLOW_S`)."""

from __future__ import annotations

from datetime import UTC, datetime

from dashboard.data import comparison
from dashboard.data.query import Query
from streamgauge.domain import lag_status

# Results of views over hours of raw events are shared for this long.
SLOW_S = 20.0
SOON_S = 6.0

# A further attempt enters its state again: the windows count it, and raw events identify it. They are few, and row
# groups without one are skipped.
FLOW = Query(
    "fulfilment.flow",
    "Sagas that entered each state in the range, each once; in its complete windows; and in the same span earlier.",
    f"""
WITH spans AS (
    {comparison.spans("fulfilment_windows")}
), windows AS (
    SELECT state,
       {comparison.compared("sagas")}
    FROM spans
    GROUP BY state
), again AS (
    SELECT state, count(*) AS retries FROM fulfilment_events
    WHERE attempt > 1 AND {comparison.in_range("occurred_at")}
    GROUP BY state
)
SELECT state, sagas - coalesce(retries, 0) AS sagas, coalesce(retries, 0) AS retries, sagas_complete, sagas_earlier,
       reaches_back
FROM windows LEFT JOIN again USING (state)
ORDER BY state
""",
    ("fulfilment",),
)

STANDING = Query(
    "fulfilment.standing",
    "Sagas that have not ended, by the state that they are in now, and the money of their orders.",
    """
SELECT state, count(*) AS sagas, coalesce(sum(amount_cents), 0)::BIGINT AS cents, min(started_at) AS oldest,
       count(*) FILTER (WHERE retries > 0) AS retried,
       count(*) FILTER (WHERE deadline_at < $now::TIMESTAMPTZ - INTERVAL 10 SECONDS) AS past_deadline
FROM sagas
WHERE step <> 'ended'
GROUP BY state
ORDER BY state
""",
    ("fulfilment",),
)

STUCK = Query(
    "fulfilment.stuck",
    "Sagas that should have moved on, the longest first, with their number and money.",
    """
SELECT order_id, state, attempt, amount_cents, entered_at, age_seconds, p95_seconds, past_deadline,
       count(*) OVER () AS stuck, (sum(amount_cents) OVER ())::BIGINT AS stuck_cents
FROM sagas_stuck
ORDER BY age_seconds DESC, order_id
LIMIT 50
""",
    ("fulfilment",),
)

TIMES = Query(
    "fulfilment.times",
    "How long sagas were in each state, of those that left it in the last hour.",
    "SELECT state, sagas AS measured, p50_seconds, p95_seconds, max_seconds FROM saga_step_times ORDER BY state",
    ("fulfilment",),
)

LAGS = Query(
    "fulfilment.lags",
    "Lag of the groups that a saga waits for: the services, and the saga's own processor.",
    f"""
SELECT "group", topic, CASE WHEN count(*) = count(lag) THEN sum(lag)::BIGINT END AS lag,
       max(lag_seconds) AS lag_seconds, {lag_status.WORST_SQL} AS status
FROM consumer_lag
WHERE "group" IN (SELECT unnest($groups::VARCHAR[])) AND occurred_at > $now::TIMESTAMPTZ - INTERVAL 1 MINUTE
GROUP BY ALL
ORDER BY "group", topic
""",  # noqa: S608 - only constants
    defaults={"groups": ("services", "fulfilment")},
)

TURNED = Query(
    "fulfilment.turned",
    "Why sagas ended without a delivery in the range: the reason up to its first colon.",
    """
SELECT state, split_part(coalesce(reason, 'no reason given'), ':', 1) AS why, count(*) AS sagas,
       sum(amount_cents)::BIGINT AS cents
FROM fulfilment_events
WHERE state IN ('compensated', 'failed') AND occurred_at >= $since::TIMESTAMPTZ AND occurred_at < $until::TIMESTAMPTZ
GROUP BY ALL
ORDER BY sagas DESC, why, state
LIMIT 12
""",
    ("fulfilment",),
)

LAST_TURNED = Query(
    "fulfilment.last_turned",
    "The newest sagas of the range that ended without a delivery.",
    """
SELECT order_id, state, started_at, occurred_at AS ended_at, amount_cents, reason
FROM fulfilment_events
WHERE state IN ('compensated', 'failed') AND occurred_at >= $since::TIMESTAMPTZ AND occurred_at < $until::TIMESTAMPTZ
ORDER BY occurred_at DESC, order_id
LIMIT 50
""",
    ("fulfilment",),
)

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

# As the view `compensations`, for these orders only, from when the first of them started. Replies may be duplicates.
LEDGER = Query(
    "fulfilment.ledger",
    "What moved for these orders, what was moved back, and what is left, as the services reported it.",
    """
WITH once AS (
    SELECT order_id, event_id, any_value(event_type) AS event_type, any_value(amount) AS amount
    FROM order_moves
    WHERE order_id IN (SELECT unnest($orders::VARCHAR[])) AND occurred_at >= $began::TIMESTAMPTZ
    GROUP BY order_id, event_id
)
SELECT order_id,
       coalesce(sum(amount) FILTER (WHERE event_type = 'payment.authorised'), 0)::BIGINT AS authorised_cents,
       coalesce(sum(amount) FILTER (WHERE event_type = 'payment.refunded'), 0)::BIGINT   AS refunded_cents,
       coalesce(sum(amount) FILTER (WHERE event_type = 'stock.reserved'), 0)::BIGINT     AS reserved_units,
       coalesce(sum(amount) FILTER (WHERE event_type = 'stock.released'), 0)::BIGINT     AS released_units,
       coalesce(sum(amount) FILTER (WHERE event_type = 'stock.shipped'), 0)::BIGINT      AS shipped_units,
       coalesce(bool_or(event_type = 'shipment.delivered'), false)                       AS delivered
FROM once
GROUP BY order_id
ORDER BY order_id
""",
    ("payments", "inventory", "shipments"),
    {"orders": (), "began": _LONG_AGO},
)

RESIDUES = Query(
    "fulfilment.residues",
    "Sagas that ended and left money or units behind: of the last hour, failed ones of a day.",
    """
SELECT order_id, state, ended_at, amount_cents, residue_cents, residue_units, reason,
       count(*) OVER () AS residues, (sum(cents) OVER ())::BIGINT AS left_cents,
       (sum(units) OVER ())::BIGINT AS left_units
FROM saga_residues
ORDER BY cents DESC, units DESC, order_id
LIMIT 50
""",
    ("fulfilment", "payments", "inventory"),
)
