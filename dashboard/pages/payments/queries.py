"""What the page Payments and fraud asks. Of filters, '' is all."""

from __future__ import annotations

from dashboard.data.query import Query

# `previous` is absent where no window is as old as what the period is compared with.
METHODS = Query(
    "payments.methods",
    "Payments and their money by method in the range; complete windows of it, and the same span earlier.",
    """
SELECT method,
       coalesce(sum(requested)        FILTER (WHERE inside), 0)::BIGINT AS requested,
       coalesce(sum(authorised)       FILTER (WHERE inside), 0)::BIGINT AS authorised,
       coalesce(sum(declined)         FILTER (WHERE inside), 0)::BIGINT AS declined,
       coalesce(sum(refunded)         FILTER (WHERE inside), 0)::BIGINT AS refunded,
       coalesce(sum(authorised_cents) FILTER (WHERE inside), 0)::BIGINT AS authorised_cents,
       coalesce(sum(refunded_cents)   FILTER (WHERE inside), 0)::BIGINT AS refunded_cents,
       coalesce(sum(requested)        FILTER (WHERE inside AND complete), 0)::BIGINT AS complete,
       coalesce(sum(authorised_cents) FILTER (WHERE inside AND complete), 0)::BIGINT AS complete_cents,
       CASE WHEN any_value(back) THEN coalesce(sum(requested)        FILTER (WHERE earlier), 0)::BIGINT END AS previous,
       CASE WHEN any_value(back) THEN coalesce(sum(authorised_cents) FILTER (WHERE earlier), 0)::BIGINT END
           AS previous_cents
FROM (
    SELECT *, window_start >= $since::TIMESTAMPTZ AND window_start < $until::TIMESTAMPTZ AS inside,
           window_start < $complete_until::TIMESTAMPTZ                                   AS complete,
           window_start >= $previous_since::TIMESTAMPTZ AND window_start < $previous_until::TIMESTAMPTZ AS earlier,
           EXISTS (SELECT 1 FROM stream_windows
                   WHERE window_start <= $previous_since::TIMESTAMPTZ AND events > late AND stream <> 'lag') AS back
    FROM payment_windows
    WHERE window_start >= least($since::TIMESTAMPTZ, $previous_since::TIMESTAMPTZ)
      AND window_start < $until::TIMESTAMPTZ
      AND ($method = '' OR method = $method)
)
WHERE inside OR earlier
GROUP BY method
ORDER BY requested DESC, method
""",
    ("payments",),
    {"method": ""},
)

OUTCOMES = Query(
    "payments.outcomes",
    "What became of payments in each bar of the range.",
    """
SELECT time_bucket(to_seconds($bucket_s), window_start) AS bucket,
       sum(authorised)::BIGINT AS authorised, sum(declined)::BIGINT AS declined, sum(refunded)::BIGINT AS refunded
FROM payment_windows
WHERE window_start >= $since::TIMESTAMPTZ AND window_start < $until::TIMESTAMPTZ
  AND ($method = '' OR method = $method)
GROUP BY bucket
ORDER BY bucket
""",
    ("payments",),
    {"method": ""},
)

RULES = Query(
    "payments.rules",
    "What fraud found in each bar of the range, by rule: flags, and the verdicts that it was the strongest rule of.",
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
