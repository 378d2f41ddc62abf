"""`streamgauge dead-letters list`: dead letters grouped by fingerprint, the newest cause first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from rich.table import Table

from streamgauge.cli import output
from streamgauge.cli.dead_letters.selection import Choice, condition
from streamgauge.cli.query.errors import warehouse_errors
from streamgauge.cli.terminal import Screen
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse.client import Warehouse
from streamgauge.warehouse.sql.results import json_value

BUCKETS = 12
_BARS = "▁▂▃▄▅▆▇█"
_GROUPS = """
SELECT coalesce(fingerprint, '') AS fingerprint, stream, reason, any_value(field) AS field, count(*) AS letters,
       count(*) FILTER ({exact} NOT IN (SELECT concat_ws(':', letter, topic_id) FROM dead_letter_retries)) AS open,
       min(dead_at) AS first, max(dead_at) AS last,
       max(coalesce(attempts, 1)) AS attempts, arg_max(detail, dead_at) AS detail,
       arg_max({id}, dead_at) AS example
FROM dead_letters WHERE {where} GROUP BY 1, 2, 3 ORDER BY last DESC
"""
_ID = "concat_ws(':', coalesce(topic, stream), kafka_partition, kafka_offset)"
# NULL is left out: where the topic's id is not known.
_EXACT = "concat_ws(':', coalesce(topic, stream), kafka_partition, kafka_offset, kafka_topic_id)"
_TREND = """
SELECT coalesce(fingerprint, '') AS fingerprint, stream, reason, count(*) AS letters,
       least(floor((epoch_ms(dead_at) - ?) / ?), ?)::INTEGER AS bucket
FROM dead_letters WHERE {} GROUP BY ALL
"""


@dataclass(frozen=True)
class Group:
    """Dead letters of one cause; `open` ones have not been retried.

    `trend` counts them in twelve equal buckets of `bucket_s` seconds.
    """

    fingerprint: str
    stream: str
    reason: str
    field: str | None
    letters: int
    open: int
    attempts: int
    first: datetime
    last: datetime
    trend: tuple[int, ...]
    bucket_s: float
    detail: str
    example: str


def groups(warehouse: Warehouse, choice: Choice, now: datetime | None = None) -> list[Group]:
    """The groups of a choice, by their newest letter, newest first. Raises what `Warehouse.query` raises."""
    where, values = condition(choice)
    rows = warehouse.query(_GROUPS.format(where=where, id=_ID, exact=_EXACT), values).to_pylist()
    if not rows:
        return []
    since = choice.since or min(row["first"] for row in rows)
    start_ms = int(since.timestamp() * 1_000)
    span_ms = max(int((now or datetime.now(UTC)).timestamp() * 1_000) - start_ms, BUCKETS)
    counted = warehouse.query(_TREND.format(where), [start_ms, span_ms / BUCKETS, BUCKETS - 1, *values]).to_pylist()
    trends: dict[tuple[str, str, str], list[int]] = {}
    for row in counted:
        trend = trends.setdefault(_cause(row), [0] * BUCKETS)
        trend[max(row["bucket"], 0)] += row["letters"]
    return [
        Group(**row, trend=tuple(trends.get(_cause(row), [0] * BUCKETS)), bucket_s=span_ms / BUCKETS / 1_000)
        for row in rows
    ]


def _cause(row: Mapping[str, str]) -> tuple[str, str, str]:
    return row["fingerprint"], row["stream"], row["reason"]


def sparkline(counts: Sequence[int]) -> str:
    """A bar per count; zero is a dot."""
    most = max(counts, default=0)
    return "".join("·" if not count else _BARS[(count * len(_BARS) - 1) // most] for count in counts)


def table(found: Sequence[Group]) -> Table:
    """The groups, for people."""
    shown = Table("fingerprint", "stream", "reason", "field", box=None, pad_edge=False, header_style="bold")
    shown.add_column("letters", justify="right")
    shown.add_column("open", justify="right")
    for name in ("trend", "first", "last", "newest"):
        shown.add_column(name, no_wrap=True)
    for group in found:
        cells = (
            group.fingerprint or "none",
            group.stream,
            group.reason,
            group.field or "",
            f"{group.letters:,}" + (f" (attempt {group.attempts})" if group.attempts > 1 else ""),
            f"{group.open:,}",
            sparkline(group.trend),
            f"{group.first:%m-%d %H:%M:%S}",
            f"{group.last:%m-%d %H:%M:%S}",
            group.example,
        )
        shown.add_row(*cells)
    return shown


def run(settings: Settings, choice: Choice, *, as_json: bool) -> None:
    """Write the groups to standard output."""
    with warehouse_errors(), Warehouse(settings) as warehouse:
        found = groups(warehouse, choice)
    if as_json:
        output.json_line([json_value(asdict(group)) for group in found])
        return
    if not found:
        output.line("no dead letters")
        return
    console = Screen(width=200)
    console.print(table(found))
    console.print(f"{sum(group.letters for group in found):,} dead letters of {len(found):,} kinds; times are UTC")
