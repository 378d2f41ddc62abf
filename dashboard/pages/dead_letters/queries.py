"""Queries of the page Dead letters. A dead letter counts at `dead_at`, whatever the event's own time.

`dead_letters` is far smaller than raw events; every query is bounded all the same.
"""

from __future__ import annotations

from dashboard.data import comparison
from dashboard.data.query import Query

BARS = 24
# Number of causes listed.
MOST = 200
_AT = "dead_at"
_IN_RANGE = comparison.in_range(_AT)
_CHOSEN = "($stream = '' OR stream = $stream) AND ($reason = '' OR reason = $reason)"
_CAUSE = "($fingerprint = '' OR starts_with(fingerprint, $fingerprint))"
_ANY = {"stream": "", "reason": "", "fingerprint": ""}
# A record names its dead letter by position, as text, and by the id of its topic.
# `again`: the event became a dead letter where it was sent to.
_RETRIED = """
retried AS (
    SELECT split_part(letter, ':', 1) AS topic, split_part(letter, ':', 2)::INTEGER AS kafka_partition,
           split_part(letter, ':', 3)::BIGINT AS kafka_offset, topic_id AS kafka_topic_id, {more}
           (sent_topic, sent_partition, sent_offset, coalesce(sent_topic_id, '')) IN
               (SELECT (coalesce(topic, stream), kafka_partition, kafka_offset, coalesce(kafka_topic_id, ''))
                FROM dead_letters WHERE attempts > 1)
               AS again
    FROM dead_letter_retries
)"""


def _sql(text: str, more: str = "") -> str:
    """The statement with the common fragments filled in; values are parameters."""
    return text.format(
        at=_AT,
        in_range=_IN_RANGE,
        chosen=_CHOSEN,
        cause=_CAUSE,
        retried=_RETRIED.replace("{more}", more),
        bars=BARS,
        most=MOST,
        last_bar=BARS - 1,
    )


CHOICES = Query(
    "dead_letters.choices",
    "The streams and reasons of the range's dead letters, for the filters.",
    _sql("SELECT stream, reason FROM dead_letters WHERE {in_range} GROUP BY ALL ORDER BY ALL LIMIT 1000"),
)

TOTAL = Query(
    "dead_letters.total",
    "Dead letters of the range, of its complete windows, and of the same span earlier; causes, and those never seen "
    "before the range.",
    f"""
WITH chosen AS (
    SELECT coalesce(fingerprint, '') AS fingerprint, {_AT} AS became, 1 AS letters
    FROM dead_letters WHERE {_CHOSEN} AND {_CAUSE}
), first_seen AS (
    SELECT fingerprint, min(became) AS first FROM chosen GROUP BY fingerprint
), spans AS (
    {comparison.spans("chosen", time="became")}
)
SELECT {comparison.compared("letters")},
       count(DISTINCT fingerprint) FILTER (WHERE span <> 'earlier') AS causes,
       count(DISTINCT fingerprint) FILTER (WHERE span <> 'earlier' AND first >= $since::TIMESTAMPTZ) AS new_causes
FROM spans LEFT JOIN first_seen USING (fingerprint)
""",
    defaults=_ANY,
)

CAUSES = Query(
    "dead_letters.causes",
    "The range's dead letters by cause: how many, since when, how many were sent again, and how many of those failed "
    "again; and the same of all causes, also of those that are not listed.",
    _sql("""
WITH {retried}, chosen AS (
    SELECT *, {at} AS became FROM dead_letters WHERE {in_range} AND {chosen} AND {cause}
), causes AS (
    SELECT coalesce(fingerprint, '') AS fingerprint, chosen.stream, reason, any_value(field) AS field,
           count(*) AS letters, count(again) AS retried, count(*) FILTER (WHERE NOT again) AS settled,
           count(*) FILTER (WHERE again) AS again, count(*) - count(again) AS open,
           min(became) AS first, max(became) AS last, max(coalesce(attempts, 1)) AS attempts
    FROM chosen LEFT JOIN retried ON coalesce(chosen.topic, chosen.stream) = retried.topic
                                 AND chosen.kafka_partition = retried.kafka_partition
                                 AND chosen.kafka_offset = retried.kafka_offset
                                 AND chosen.kafka_topic_id IS NOT DISTINCT FROM retried.kafka_topic_id
    GROUP BY ALL
)
SELECT *, (sum(retried) OVER ())::BIGINT AS all_retried, (sum(settled) OVER ())::BIGINT AS all_settled,
       (sum(again) OVER ())::BIGINT AS all_again, (sum(open) OVER ())::BIGINT AS all_open
FROM causes
ORDER BY letters DESC, last DESC, fingerprint, stream, reason
LIMIT {most}
"""),
    defaults=_ANY,
)

TREND = Query(
    "dead_letters.trend",
    "How the range's dead letters of each cause spread over it, in 24 equal parts; of the most frequent causes.",
    _sql("""
WITH chosen AS (
    SELECT coalesce(fingerprint, '') AS fingerprint, stream, reason, {at} AS became
    FROM dead_letters WHERE {in_range} AND {chosen} AND {cause}
), causes AS (
    SELECT fingerprint, stream, reason FROM chosen GROUP BY ALL
    ORDER BY count(*) DESC, max(became) DESC, fingerprint, stream, reason LIMIT {most}
)
SELECT fingerprint, stream, reason,
       least({last_bar}, (epoch_ms(became) - epoch_ms($since::TIMESTAMPTZ)) * {bars} // ($seconds * 1000))::INTEGER
           AS part,
       count(*) AS letters
FROM chosen JOIN causes USING (fingerprint, stream, reason)
GROUP BY ALL
ORDER BY letters DESC, fingerprint, stream, reason, part
"""),
    defaults=_ANY,
)

TIMELINE = Query(
    "dead_letters.timeline",
    "Dead letters of each bar of the range, by stream.",
    _sql("""
SELECT time_bucket(to_seconds($bucket_s), {at}) AS bucket, stream, count(*) AS letters
FROM dead_letters WHERE {in_range} AND {chosen} AND {cause}
GROUP BY ALL ORDER BY bucket, stream LIMIT 5000
"""),
    defaults=_ANY,
)

SAMPLES = Query(
    "dead_letters.samples",
    "The newest letters of a cause, by the place of their event.",
    _sql("""
SELECT coalesce(topic, stream) AS topic, kafka_partition, kafka_offset, kafka_topic_id
FROM dead_letters WHERE {in_range} AND {chosen} AND {cause}
ORDER BY {at} DESC, kafka_partition, kafka_offset DESC LIMIT 100
"""),
    defaults=_ANY,
)

LETTER = Query(
    "dead_letters.letter",
    "One dead letter, by the place of its event, and what became of it.",
    _sql(
        """
WITH {retried}
SELECT dead_letters.stream, reason, detail, key, payload, bytes, coalesce(dead_letters.topic, stream) AS topic,
       dead_letters.kafka_partition, dead_letters.kafka_offset, dead_letters.kafka_topic_id,
       coalesce(fingerprint, '') AS fingerprint, field,
       event_time, coalesce(attempts, 1) AS attempts, retry_of, consumer,
       coalesce(letter_topic, stream || '.dlq') AS letter_topic, {at} AS became,
       retried_at, retried_by, edit, edited, sent_topic, sent_partition, sent_offset, again
FROM dead_letters LEFT JOIN retried ON coalesce(dead_letters.topic, stream) = retried.topic
                                   AND dead_letters.kafka_partition = retried.kafka_partition
                                   AND dead_letters.kafka_offset = retried.kafka_offset
                                   AND dead_letters.kafka_topic_id IS NOT DISTINCT FROM retried.kafka_topic_id
WHERE coalesce(dead_letters.topic, stream) = $topic AND dead_letters.kafka_partition = $kafka_partition
  AND dead_letters.kafka_offset = $kafka_offset
  AND ($kafka_topic_id = '' OR dead_letters.kafka_topic_id = $kafka_topic_id)
ORDER BY kafka_topic_since DESC NULLS LAST LIMIT 1
""",
        more="retried_at, retried_by, edit, edited, sent_topic, sent_partition, sent_offset,",
    ),
    defaults={"topic": "", "kafka_partition": 0, "kafka_offset": 0, "kafka_topic_id": ""},
)

HISTORY = Query(
    "dead_letters.history",
    "The newest retries: who, when, how many letters, and how many of them failed again.",
    _sql(
        """
WITH {retried}
SELECT run, min(retried_at) AS began, any_value(retried_by) AS who, any_value(stream) AS stream,
       any_value(fingerprint) AS fingerprint, count(*) AS letters, count(*) FILTER (WHERE NOT again) AS settled,
       count(*) FILTER (WHERE again) AS again, count(*) FILTER (WHERE edited) AS edited, any_value(edit) AS edit
FROM retried WHERE {chosen} AND {cause}
GROUP BY run ORDER BY began DESC LIMIT 50
""",
        more="run, retried_at, retried_by, stream, reason, fingerprint, edited, edit,",
    ),
    defaults=_ANY,
)

ACTIONS = Query(
    "dead_letters.actions",
    "What was asked for through the pages: who, when, and how it ended, from the audit stream.",
    """
SELECT min(acted_at) AS began, arg_min(actor, acted_at) AS who, arg_min(action, acted_at) AS action,
       any_value(target) AS target, arg_max(outcome, acted_at) AS outcome, arg_max(detail, acted_at) AS detail
FROM audit_events
WHERE starts_with(action, 'dead-letters.') AND ($fingerprint = '' OR starts_with(target, $fingerprint))
GROUP BY action_id ORDER BY began DESC LIMIT 50
""",
    defaults=_ANY,
)
