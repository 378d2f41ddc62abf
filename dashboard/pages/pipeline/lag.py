"""Consumer groups from the rows of the newest sample: one line a group, worst first. Pure.

None is unknown: a sum with an unknown part is the sum of what is known, marked as a least.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dashboard import theme
from streamgauge.domain import format

# Worst first; what each means is in docs/lag.md.
COLOURS = {
    "STOP": theme.BAD,
    "STALL": theme.BAD,
    "REWIND": theme.BAD,
    "WARN": theme.WARN,
    "UNKNOWN": theme.GREY,
    "OK": theme.GOOD,
}
WORST_FIRST = tuple(COLOURS)
MEANING = (
    "OK: caught up, or catching up. WARN: reads, but falls behind. REWIND: the offset went back. STALL: a member holds "
    "the partitions and reads nothing. STOP: nobody reads. UNKNOWN: too few samples."
)
NEVER = "never at this rate"
# Samples older than so many intervals and a margin say nothing of now; `streamgauge lag` judges in the same way.
CURRENT_INTERVALS, STALE_INTERVALS, STALE_MARGIN_S = 2.5, 3.0, 5.0
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Group:
    """A consumer group over its topics. `cents` is of the topic where most waits: an order may wait in several."""

    name: str
    status: str
    topics: int
    partitions: int
    lag: int | None
    lag_seconds: float | None
    cents: int | None
    complete: bool
    produced: float | None
    consumed: float | None
    catch_up_s: float | None
    never: bool
    retention_used: float | None
    members: int | None

    @property
    def behind(self) -> bool:
        """Whether somebody should look."""
        return self.status not in ("OK", "UNKNOWN")

    def row(self) -> dict[str, Any]:
        """As a table shows it."""
        return {
            "status": self.status,
            "name": self.name,
            "lag": self.lag,
            "lag_seconds": self.lag_seconds,
            "cents": self.cents if self.cents or self.complete else None,
            "catch_up": catch_up(self),
            "produced": self.produced,
            "consumed": self.consumed,
            "retention_used": self.retention_used,
            "members": self.members,
        }


def groups(rows: Iterable[Row]) -> list[Group]:
    """One line a group, the worst first: by status, then by time, then by events behind."""
    by_name: dict[str, list[Row]] = {}
    for row in rows:
        by_name.setdefault(row["group"], []).append(row)
    found = [_group(name, of_one) for name, of_one in by_name.items()]
    return sorted(found, key=lambda one: (*_rank(one.status), -(one.lag_seconds or 0), -(one.lag or 0), one.name))


def _rank(status: str) -> tuple[int]:
    return (WORST_FIRST.index(status) if status in WORST_FIRST else len(WORST_FIRST),)


def _group(name: str, rows: Sequence[Row]) -> Group:
    # One topic that nobody has judged yet hides nothing that is known of the others.
    statuses = {row["status"] for row in rows} - {"UNKNOWN"} or {"UNKNOWN"}
    return Group(
        name,
        min(statuses, key=_rank),
        len(rows),
        sum(row["partitions"] for row in rows),
        _sum(row["lag"] for row in rows),
        _most(row["lag_seconds"] for row in rows),
        _most(row["waiting_cents"] for row in rows),
        all(row["waiting_complete"] for row in rows),
        _sum(row["produced_per_second"] for row in rows),
        _sum(row["consumed_per_second"] for row in rows),
        _most(row["catch_up_seconds"] for row in rows),
        any(row["never"] for row in rows),
        _most(row["retention_used"] for row in rows),
        _most(row["members"] for row in rows),
    )


def _known(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if value is not None]


def _sum(values: Iterable[Any]) -> Any:
    known = _known(values)
    return sum(known) if known else None


def _most(values: Iterable[Any]) -> Any:
    return max(_known(values), default=None)


def waiting(keys: int | None, *, complete: bool) -> str:
    """`at least 318`: how many things wait, where the raw tables have them."""
    if keys is None or (not keys and not complete):
        return format.UNKNOWN
    return ("" if complete else "at least ") + format.count(keys)


def catch_up(group: Group) -> str:
    """`2 min 5 s`, `NEVER`, or `now`."""
    if group.lag is None:
        return format.UNKNOWN
    if not group.lag:
        return "now"
    if group.never and group.behind:
        return NEVER
    return format.UNKNOWN if not group.catch_up_s else format.duration(group.catch_up_s)


def stale_after_s(interval_s: float) -> float:
    """Samples of an age beyond this say nothing of now."""
    return STALE_INTERVALS * interval_s + STALE_MARGIN_S


def sampled_at(rows: Iterable[Row]) -> datetime | None:
    """When the newest sample was taken."""
    return max((row["sampled_at"] for row in rows), default=None)
