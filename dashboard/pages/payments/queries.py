"""Queries of the page Payments and fraud. An empty filter matches everything."""

from __future__ import annotations

from dashboard.data import comparison
from dashboard.data.query import Query

_METHOD = "($method = '' OR method = $method)"

METHODS = Query(
    "payments.methods",
    "Payments and their money by method in the range; complete windows of it, and the same span earlier.",
    f"""
WITH spans AS (
    {comparison.spans("payment_windows", _METHOD)}
)
SELECT method,
       {comparison.compared("requested", "authorised_cents")},
       {comparison.summed("authorised", "declined", "refunded", "refunded_cents")}
FROM spans
GROUP BY method
ORDER BY requested DESC, method
""",
    ("payments",),
    {"method": ""},
)

OUTCOMES = Query(
    "payments.outcomes",
    "Outcomes of payments in each bar of the range.",
    f"""
SELECT time_bucket(to_seconds($bucket_s), window_start) AS bucket,
       sum(authorised)::BIGINT AS authorised, sum(declined)::BIGINT AS declined, sum(refunded)::BIGINT AS refunded
FROM payment_windows
WHERE {comparison.IN_RANGE}
  AND {_METHOD}
GROUP BY bucket
ORDER BY bucket
""",
    ("payments",),
    {"method": ""},
)

RULES = Query(
    "payments.rules",
    "Fraud in each bar of the range, by rule: flags, and the verdicts whose strongest rule it was.",
    """
SELECT time_bucket(to_seconds($bucket_s), window_start) AS bucket, rule,
       sum(flagged)::BIGINT AS flagged, sum(amount_cents)::BIGINT AS flagged_cents,
       sum(declined)::BIGINT AS declined, sum(declined_cents)::BIGINT AS declined_cents,
       sum(cleared)::BIGINT AS cleared
FROM fraud_windows
WHERE window_start >= $since::TIMESTAMPTZ AND window_start < $until::TIMESTAMPTZ
  AND ($method = '' OR payment_method = $method)
GROUP BY ALL
ORDER BY bucket, rule
""",
    ("fraud",),
    {"method": ""},
)

ALERTS = Query(
    "payments.alerts",
    "The newest fraud alerts of the range: each rule that fired, and each verdict that declined a payment.",
    """
SELECT occurred_at, event_type = 'fraud.declined' AS declined, rule, score, payment_method, amount_cents,
       order_id, customer_id, detail
FROM fraud_alerts
WHERE occurred_at >= $since::TIMESTAMPTZ AND occurred_at < $until::TIMESTAMPTZ
  AND ($method = '' OR payment_method = $method) AND ($rule = '' OR rule = $rule)
ORDER BY occurred_at DESC, event_id
LIMIT 100
""",
    ("fraud",),
    {"method": "", "rule": ""},
)
