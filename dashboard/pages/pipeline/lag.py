"""Consumer groups from the rows of the newest sample: one line a group, worst first. Pure.

None is unknown: a sum with an unknown part is unknown, and at least the sum of what is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dashboard import theme
from streamgauge.domain import format, lag_status

# Worst first, as a legend lists them; what each means is in docs/lag.md.
COLOURS: Mapping[str, str] = {
    "STOP": theme.BAD,
    "STALL": theme.BAD,
    "REWIND": theme.BAD,
    "WARN": theme.WARN,
    "UNKNOWN": theme.GREY,
    "OK": theme.GOOD,
}
NEVER = "never at this rate"
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Group:
    """A consumer group over its topics. `cents` is of the topic where most waits: an order may wait in several.

    Where the lag of a partition is unknown, `lag` is: it lies between `least` and `most` (None: nobody knows). `lost`
    events were deleted unread; `undecided` ones are in open transactions.
    """

    name: str
    status: str
    topics: int
    partitions: int
    lag: int | None
    least: int
    most: int | None
    lost: int
    undecided: int
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
        """Whether its status needs attention."""
        return lag_status.is_behind(self.status)

    def row(self) -> dict[str, Any]:
        """As a table shows it."""
        return {
            "status": self.status,
            "name": self.name,
            "lag": self.lag,
            "between": between(self.least, self.most) if self.lag is None else None,
            "lost": self.lost or None,
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
    unordered = [_group(name, of_one) for name, of_one in by_name.items()]
    return sorted(
        unordered, key=lambda one: (lag_status.rank(one.status), -(one.lag_seconds or 0), -one.least, one.name)
    )


def _group(name: str, rows: Sequence[Row]) -> Group:
    return Group(
        name,
        lag_status.worst([row["status"] for row in rows]),
        len(rows),
        sum(row["partitions"] for row in rows),
        None if any(row["lag"] is None for row in rows) else sum(row["lag"] for row in rows),
        sum(row["lag_least"] for row in rows),
        None if any(row["lag_most"] is None for row in rows) else sum(row["lag_most"] for row in rows),
        sum(row["lost"] for row in rows),
        sum(row["undecided"] for row in rows),
        _longest(rows),
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


def _longest(rows: Sequence[Row]) -> float | None:
    """The longest known wait. That all others are caught up says nothing of a topic whose lag is unknown."""
    seconds: float | None = _most(row["lag_seconds"] for row in rows)
    return None if not seconds and any(row["lag"] is None for row in rows) else seconds


def _most(values: Iterable[Any]) -> Any:
    return max(_known(values), default=None)


def between(least: int, most: int | None) -> str:
    """`0 to 5,000`: the bounds of a lag that is not known."""
    return f"at least {format.count(least)}" if most is None else f"{format.count(least)} to {format.count(most)}"


def remarks(group: Group) -> list[str]:
    """Sentences about what does not wait, or may: what is unknown, was lost, or is in an open transaction."""
    said = []
    if group.lag is None:
        said.append(f"{between(group.least, group.most)} events to read: a partition has no commit")
    if group.lost:
        said.append(f"{format.count(group.lost)} events were deleted by retention before it read them")
    if group.undecided:
        said.append(f"{format.count(group.undecided)} events wait for the end of an open transaction")
    return said


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


def sampled_at(rows: Iterable[Row]) -> datetime | None:
    """When the newest sample was taken."""
    return max((row["sampled_at"] for row in rows), default=None)
