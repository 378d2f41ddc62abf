"""Queries of stories. That of an order is shown whole; that of a customer or an article, which has no end, is limited
to the range, newest slice first (`$slice_s`)."""

from __future__ import annotations

from dashboard.data.query import Query

MOST = 300
_COLUMNS = """seq, happened_at, service, stream, event, key, via, late, detail, fields, partition, "offset",
           arrived_at, count(*) OVER () AS events"""

WHOLE = Query(
    "events.story",
    "What happened to one thing, causes before effects; the newest events where there are many.",
    f"""
SELECT * FROM (
    SELECT {_COLUMNS}
    FROM story($id, of_kind := $kind)
    ORDER BY seq DESC LIMIT {MOST}
) ORDER BY seq
""",  # noqa: S608 - constants
    defaults={"id": "", "kind": None},
)

SPAN = Query(
    "events.story_in_range",
    "What happened to one thing in the range, by when it reached Kafka; the newest events where there are many.",
    f"""
SELECT * FROM (
    SELECT {_COLUMNS}
    FROM story($id, of_kind := $kind, reached_until := $until::TIMESTAMPTZ,
               reached_since := greatest($since::TIMESTAMPTZ,
                                         least($until::TIMESTAMPTZ, $now::TIMESTAMPTZ) - to_seconds($slice_s)))
    ORDER BY seq DESC LIMIT {MOST}
) ORDER BY seq
""",  # noqa: S608 - constants
    defaults={"id": "", "kind": None, "slice_s": 60},
)

LETTER = Query(
    "events.dead_letter",
    "One dead letter, by the position of its event; its time limits the scan.",
    """
SELECT reason, detail, field, payload, bytes, fingerprint, letter_topic, consumer, event_time
FROM dead_letters
WHERE dead_at = $at::TIMESTAMPTZ AND topic = $stream AND kafka_partition = $partition::INTEGER
  AND kafka_offset = $offset::BIGINT
LIMIT 1
""",
    defaults={"at": None, "stream": "", "partition": None, "offset": None},
)
