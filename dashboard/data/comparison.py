"""SQL for figures that are compared with an earlier span: one builder, used by every page.

Like is compared with like: the complete windows of the range against the same span one period, or one day, earlier
(`periods.py`). The fragments are constants of the code; a `source` is a table, a view or a subquery in parentheses, and
goes into each branch as it is, so that DuckDB prunes its row groups by time.
"""

from __future__ import annotations

# Whether any data is as old as the start of the earlier span. A window of late events alone does not count: it does
# not show when the stream began.
REACHES_BACK = """EXISTS (SELECT 1 FROM stream_windows
               WHERE window_start <= $previous_since::TIMESTAMPTZ AND events > late AND stream <> 'lag')"""


def in_range(time: str = "window_start") -> str:
    """Condition: the row belongs to the range."""
    return f"{time} >= $since::TIMESTAMPTZ AND {time} < $until::TIMESTAMPTZ"


IN_RANGE = in_range()


def spans(source: str, where: str = "true", time: str = "window_start") -> str:
    """SELECT with the rows of the range (`span` is 'complete' or 'running') and those of the earlier span ('earlier').

    A row is in both where the spans overlap (the last 7 days against yesterday's).
    """
    return f"""SELECT CASE WHEN {time} < $complete_until::TIMESTAMPTZ THEN 'complete' ELSE 'running' END AS span, *
    FROM {source}
    WHERE {in_range(time)}
      AND {where}
    UNION ALL
    SELECT 'earlier', *
    FROM {source}
    WHERE {time} >= $previous_since::TIMESTAMPTZ AND {time} < $previous_until::TIMESTAMPTZ
      AND {where}"""  # noqa: S608 - fragments of the code


def compared(*measures: str) -> str:
    """Select list over `spans`: the sum of each measure in the range, then in its complete windows (`…_complete`) and
    in the earlier span (`…_earlier`); last `reaches_back`, without which `…_earlier` must not be shown."""
    columns = [
        f"coalesce(sum({measure}) FILTER (WHERE {condition}), 0)::BIGINT AS {measure}{suffix}"
        for measure in measures
        for suffix, condition in (
            ("", "span <> 'earlier'"),
            ("_complete", "span = 'complete'"),
            ("_earlier", "span = 'earlier'"),
        )
    ]
    return ",\n       ".join((*columns, f"{REACHES_BACK} AS reaches_back"))


def summed(*measures: str) -> str:
    """Select list over `spans`: the sum of each measure in the range, without a comparison."""
    return ",\n       ".join(
        f"coalesce(sum({measure}) FILTER (WHERE span <> 'earlier'), 0)::BIGINT AS {measure}" for measure in measures
    )


def timeline(source: str, where: str, name: str, *measures: str) -> str:
    """Statement: the sum of each measure in each bar of the range by `name`, and in the earlier span without a name
    (`earlier`), its bars moved to those of the range."""
    sums = ",\n       ".join(f"coalesce(sum({measure}), 0)::BIGINT AS {measure}" for measure in measures)
    return f"""
WITH bars AS (
    SELECT time_bucket(to_seconds($bucket_s), window_start) AS bucket, false AS earlier, *
    FROM {source}
    WHERE {IN_RANGE}
      AND {where}
    UNION ALL
    SELECT time_bucket(to_seconds($bucket_s), window_start + ($since::TIMESTAMPTZ - $previous_since::TIMESTAMPTZ)),
           true, *
    FROM {source}
    WHERE window_start >= $previous_since::TIMESTAMPTZ
      AND window_start < $previous_since::TIMESTAMPTZ + to_seconds($seconds)
      AND {where}
)
SELECT bucket, earlier, CASE WHEN NOT earlier THEN {name} END AS name,
       {sums}
FROM bars
GROUP BY ALL
ORDER BY earlier, bucket, name
LIMIT 50000
"""  # noqa: S608 - fragments of the code
