"""Lag report: which consumers are behind, since when, and what is waiting. The rules are pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from processors.lag.value import Source
from streamgauge.catalog.builtin.lag import LAG, Status
from streamgauge.catalog.loader import Catalog
from streamgauge.domain import consumer_lag, lag_status, partition_balance

HOT_MINUTES, HOT_KEYS = 5, 3
HISTORY_HOURS = 24
Row = Mapping[str, Any]
Key = tuple[str, str]

# $1: milliseconds that a row of the newest sample may be older than its newest row.
CURRENT = """
SELECT *, (SELECT max(occurred_at) FROM consumer_lag) AS newest FROM consumer_lag
WHERE occurred_at >= (SELECT max(occurred_at) FROM consumer_lag) - to_milliseconds($1)
"""
# The first bad sample after the last good one. UNKNOWN, as just after a start, is neither.
SINCE = f"""
WITH worst AS (
    SELECT "group", topic, occurred_at, bool_or(status NOT IN ('OK', 'UNKNOWN')) AS bad,
           bool_and(status = 'OK') AS well
    FROM lag_events WHERE arrived_at > now() - INTERVAL {HISTORY_HOURS} HOURS
    GROUP BY ALL
), healthy AS (SELECT "group", topic, max(occurred_at) AS at FROM worst WHERE well GROUP BY ALL)
SELECT w."group", w.topic, min(w.occurred_at) AS since
FROM worst w LEFT JOIN healthy h ON h."group" = w."group" AND h.topic = w.topic
WHERE w.bad AND (h.at IS NULL OR w.occurred_at > h.at)
GROUP BY ALL
"""  # noqa: S608 - a number of ours


@dataclass(frozen=True)
class Line:
    """A group and one of its topics. None is unknown; `waiting_least`: more may be waiting than was counted.

    Where the lag of a partition is unknown, `lag` is too: the events to read are `lag_least` to `lag_most` then, and
    `without_commit` names the partitions. `lag_least` below `lag`: the sampler may not read the topic, and the rest may
    be no events. `lost` were deleted unread, `undecided` belong to open transactions.
    """

    group: str
    topic: str
    status: Status
    partitions: int
    lag: int | None
    lag_seconds: float | None
    since: datetime | None = None
    waiting_keys: int | None = None
    waiting_cents: int | None = None
    waiting_least: bool = False
    produced_per_second: float | None = None
    consumed_per_second: float | None = None
    catch_up_seconds: float | None = None
    retention_used: float | None = None
    members: int | None = None
    unassigned: int | None = None
    lag_least: int = 0
    lag_most: int | None = None
    without_commit: Sequence[int] = ()
    lost: int = 0
    undecided: int = 0

    @property
    def alarming(self) -> bool:
        """Whether it needs attention."""
        return self.status in lag_status.ALARMING

    @property
    def at_most(self) -> bool:
        """Whether `lag` is known to be no more than that, and may be less."""
        return self.lag is not None and self.lag_least < self.lag


@dataclass(frozen=True)
class Hot:
    """A partition with far more than its share of events, and its hottest keys with their share of its events."""

    topic: str
    partition: int
    ratio: float
    per_second: float
    keys: Sequence[tuple[str, float]] = ()


@dataclass(frozen=True)
class Report:
    """The whole report. `unread` are topics that no group reads; None where the broker does not answer."""

    sampled_at: datetime | None
    age_s: float | None
    stale: bool
    lines: Sequence[Line] = ()
    hot: Sequence[Hot] = ()
    unread: Sequence[str] | None = None
    keys: Mapping[str, str] = field(default_factory=dict)

    @property
    def well(self) -> bool:
        """Whether the samples are fresh and nothing in them is worse than WARN."""
        return not self.stale and not any(line.alarming for line in self.lines)


def report(
    source: Source, catalog: Catalog, interval_s: float, now: datetime, group: str | None, topic: str | None
) -> Report:
    """Query the warehouse. Raises what `Warehouse.query` raises."""
    rows = source.query(CURRENT, [consumer_lag.current_within_ms(interval_s)]).to_pylist()
    if not rows:
        return Report(None, None, stale=True)
    sampled_at = rows[0]["newest"]
    age_s = max(0.0, (now - sampled_at).total_seconds())
    since = {(row["group"], row["topic"]): row["since"] for row in source.query(SINCE).to_pylist()}
    lines = [
        line
        for line in lines_of(rows, since)
        if (group is None or line.group == group) and (topic is None or line.topic == topic)
    ]
    hot = [
        _with_keys(one, source, catalog)
        for one in hot_partitions(rows)
        if any(line.topic == one.topic for line in lines)
    ]
    keys = {name: stream.key for name, stream in catalog.streams.items()}
    return Report(
        sampled_at, age_s, age_s > consumer_lag.stale_after_s(interval_s), worst_first(lines), hot, None, keys
    )


def lines_of(rows: Iterable[Row], since: Mapping[Key, datetime]) -> list[Line]:
    """One line per group and topic from the rows of its partitions."""
    grouped: dict[Key, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[row["group"], row["topic"]].append(row)
    return [_line(key, of_one, since.get(key)) for key, of_one in grouped.items()]


def _line(key: Key, rows: list[Row], since: datetime | None) -> Line:
    status = lag_status.worst([row["status"] for row in rows])
    committed = [row for row in rows if row["committed_offset"] is not None]
    counted = [row for row in rows if row["waiting_keys"] is not None]
    behind = [row for row in committed if row["lag"]]
    # While nothing has been deleted, nothing can be lost to retention.
    used = [row["retention_used"] for row in behind if row["oldest_offset"] and row["retention_used"] is not None]
    unknown = [row for row in rows if row["lag"] is None]
    seconds = max((row["lag_seconds"] for row in rows if row["lag_seconds"] is not None), default=None)
    known = sum(row["lag"] or 0 for row in rows)
    least = sum((row["lag"] or 0) if row["lag_least"] is None else row["lag_least"] for row in rows)
    known_members = any(row["members"] is not None for row in rows)
    moving = any(row["consumed_per_second"] for row in committed)
    self_assigned = moving and not any(row["members"] for row in rows)
    return Line(
        *key,
        status=status,
        partitions=len(rows),
        lag=None if unknown else known,
        # The longest known wait. That all the others are caught up says nothing of one whose lag is unknown.
        lag_seconds=None if unknown and not seconds else seconds,
        since=since if lag_status.is_behind(status) else None,
        waiting_keys=sum(row["waiting_keys"] for row in counted) if counted else None,
        waiting_cents=_any_sum(row["waiting_cents"] for row in counted),
        waiting_least=bool(unknown)
        or any(not row["waiting_complete"] for row in behind if row["lag"] > lag_status.MARKER),
        produced_per_second=_sum(row["produced_per_second"] for row in rows),
        consumed_per_second=_sum(row["consumed_per_second"] for row in committed),
        catch_up_seconds=_longest(row["catch_up_seconds"] for row in rows),
        retention_used=max(used, default=None),
        members=max((row["members"] or 0 for row in rows), default=0) if known_members else None,
        # It commits without members: it assigns partitions itself, so none waits for a member.
        unassigned=None if not known_members or self_assigned else sum(row["member"] is None for row in committed),
        lag_least=least,
        lag_most=None if any(row["lag_most"] is None for row in unknown) else known + sum(map(_most, unknown)),
        without_commit=sorted(row["partition"] for row in unknown if row["committed_offset"] is None),
        lost=sum(row["lost"] or 0 for row in rows),
        undecided=sum(row["undecided"] or 0 for row in rows),
    )


def _sum(values: Iterable[Any]) -> Any:
    """The sum; None where a value is unknown, or there are none."""
    parts = list(values)
    return sum(parts) if parts and None not in parts else None


def _most(row: Row) -> int:
    return int(row["lag_most"])


def _any_sum(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _longest(values: Iterable[float | None]) -> float | None:
    parts = list(values)
    known = [value for value in parts if value is not None]
    return max(known) if known and len(known) == len(parts) else None


def worst_first(lines: Iterable[Line]) -> list[Line]:
    """By status, then by time, then by events behind."""
    return sorted(
        lines,
        key=lambda line: (
            lag_status.rank(line.status),
            -(line.lag_seconds or 0.0),
            -line.lag_least,
            line.group,
            line.topic,
        ),
    )


def hot_partitions(rows: Iterable[Row]) -> list[Hot]:
    """The hot partition of each topic that has one; not of `lag`, whose keys are groups."""
    rates: dict[str, dict[int, float]] = defaultdict(dict)
    unknown: set[str] = set()
    for row in rows:
        if row["produced_per_second"] is None:
            unknown.add(row["topic"])
        else:
            rates[row["topic"]][row["partition"]] = row["produced_per_second"]
    found = []
    for topic, by_partition in sorted(rates.items()):
        values = list(by_partition.values())
        if topic not in unknown | {LAG.topic} and partition_balance.is_hot(values):
            hottest = max(by_partition, key=by_partition.__getitem__)
            found.append(Hot(topic, hottest, partition_balance.skew_ratio(values) or 0.0, by_partition[hottest]))
    return found


def _with_keys(hot: Hot, source: Source, catalog: Catalog) -> Hot:
    """The same with its hottest keys, where the topic has a raw table."""
    table = catalog.raw_table(hot.topic) if hot.topic in catalog.streams else None
    if table is None:
        return hot
    key = catalog.streams[hot.topic].key
    rows = source.query(
        f'SELECT CAST("{key}" AS VARCHAR) AS key, count(*) / sum(count(*)) OVER () AS share FROM "{table}" '  # noqa: S608
        f"WHERE kafka_partition = ? AND arrived_at > now() - INTERVAL {HOT_MINUTES} MINUTES "
        f"GROUP BY ALL ORDER BY share DESC, key LIMIT {HOT_KEYS}",
        [hot.partition],
    ).to_pylist()
    keys = tuple((row["key"], float(row["share"])) for row in rows)
    return Hot(hot.topic, hot.partition, hot.ratio, hot.per_second, keys)
