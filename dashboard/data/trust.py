"""Freshness and completeness of a figure, from the state of its streams. Pure.

Completeness is the share of events counted: events of the range without dead letters, over all events of the range,
those still waiting to be processed, and those that retention deleted before analytics read them. Late events are
counted; they show that the figure may still grow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Any

from dashboard.data.periods import Period
from streamgauge.domain import format
from streamgauge.domain.freshness import Freshness, age_s


@dataclass(frozen=True)
class Trust:
    """State of one or several streams over a range. `waiting` is None where the lag is not sampled."""

    events: int
    dead_letters: int
    late: int
    waiting: int | None
    lag_s: float | None
    newest: datetime | None
    lost: int = 0

    @property
    def share(self) -> float | None:
        """Completeness, 0 to 1; None without events, or where the lag is unknown."""
        whole = self.events + (self.waiting or 0) + self.lost
        return None if self.waiting is None or not whole else (self.events - self.dead_letters) / whole

    def freshness(self, now: datetime) -> Freshness:
        """Whether anything has come lately."""
        return Freshness.of(age_s(self.newest, now))

    def known_at(self, asked_at: datetime) -> Trust:
        """The same for a figure that was queried at that time."""
        return self if self.newest is None else replace(self, newest=min(self.newest, asked_at))

    def line(self, now: datetime, clock: tzinfo) -> str:
        """`99.2 % complete as of 14:03:07`."""
        if self.newest is None:
            return "no events"
        share = "completeness unknown" if self.share is None else f"{percent(self.share)} complete"
        return f"{share} as of {format.clock(self.newest, now, clock)}"

    def detail(self) -> str:
        """A sentence about what is missing or may be added."""
        parts = [f"{format.count(self.dead_letters)} dead letters", f"{format.count(self.late)} late events"]
        if self.lost:
            parts.append(f"{format.count(self.lost)} events deleted before they were read")
        if self.waiting is not None:
            parts.append(f"{format.count(self.waiting)} events waiting")
        if self.lag_s:
            parts.append(f"{format.duration(self.lag_s)} behind")
        return f"In the range: {', '.join(parts)}."


def percent(share: float) -> str:
    """A share as per cent, never rounded up to 100: `99.9 %`."""
    if share >= 1:
        return "100 %"
    return f"{int(share * 1_000) / 10:.1f} %"


def of(rows: Iterable[Mapping[str, Any]], streams: Sequence[str], period: Period) -> Trust:
    """Trust in figures made of these streams (none: of all), from the rows of `trust_queries.STREAMS`."""
    chosen = [row for row in rows if not streams or row["stream"] in streams]
    known = [row["waiting"] for row in chosen if row["waiting"] is not None]
    # Waiting events are newer than the counted ones: none of them belongs to a range that ended before.
    lag_s = max((row["lag_seconds"] for row in chosen if row["lag_seconds"] is not None), default=None)
    reaches = (period.now - period.until).total_seconds() <= (lag_s or 0.0)
    newest = [row["newest"] for row in chosen if row["newest"] is not None]
    return Trust(
        sum(row["events"] for row in chosen),
        sum(row["dead_letters"] for row in chosen),
        sum(row["late"] for row in chosen),
        (sum(known) if reaches else 0) if known else None,
        lag_s,
        # As fresh as the stalest stream that had any event.
        min(newest, default=None) if streams else max(newest, default=None),
        sum(row["lost"] for row in chosen),
    )
