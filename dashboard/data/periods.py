"""Periods: the buckets of a time range, its complete part, and the span it is compared with. Pure.

    |<---- compared with ---->|   …   |<------------- period ------------->|
    previous_since   previous_until   since          complete_until  now  until
                                      | bucket | bucket | … | running bucket |

A period is a whole number of buckets; where it reaches up to now, the last one is running. A frozen one (an incident
link) ends with the window that was running then, within its last bucket. Like is compared with like: the complete
windows of the period against the same span one period, or one day, earlier.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

WINDOW_S = 10
# A window may still grow while events take a second through the pipeline; what comes after that counts as late.
GRACE_S = 2
# Rates cover the last minute: recent, but without a jump at every window.
RATE_S = 60
DAY_S = 86_400
# Widths of a bar, all multiples of a window; a custom range takes the first that gives at most this many bars.
BUCKETS_S = (10, 30, 60, 300, 900, 3_600, 21_600, DAY_S)
MOST_BUCKETS = 120
COMPARE = {"previous": "the period before", "yesterday": "the same time yesterday", "none": "nothing"}


@dataclass(frozen=True)
class Range:
    """An entry of the time-range picker; `seconds` and `bucket_s` are multiples of a window."""

    key: str
    label: str
    seconds: int
    bucket_s: int


RANGES = (
    Range("5m", "5 min", 300, 10),
    Range("15m", "15 min", 900, 10),
    Range("1h", "1 h", 3_600, 60),
    Range("6h", "6 h", 21_600, 300),
    Range("24h", "24 h", DAY_S, 900),
    Range("7d", "7 d", 7 * DAY_S, 3_600),
)
DEFAULT = "15m"
BY_KEY = {choice.key: choice for choice in RANGES}


def floor(time: datetime, seconds: int) -> datetime:
    """The latest multiple of `seconds` since the epoch that is not after `time`."""
    return datetime.fromtimestamp(int(time.timestamp()) // seconds * seconds, UTC)


@dataclass(frozen=True)
class Period:
    """A span of whole buckets as of `now`. All times are UTC, spans are half-open."""

    since: datetime
    until: datetime
    bucket_s: int
    now: datetime
    label: str
    compare: str = "previous"

    @classmethod
    def last(cls, choice: Range, now: datetime, compare: str = "previous") -> Period:
        """The range up to now, its last bucket running."""
        until = floor(now, choice.bucket_s) + timedelta(seconds=choice.bucket_s)
        return cls(until - timedelta(seconds=choice.seconds), until, choice.bucket_s, now, choice.label, compare)

    @classmethod
    def between(
        cls, since: datetime, until: datetime, now: datetime, compare: str = "previous", bar: int | None = None
    ) -> Period:
        """A custom range, widened to whole buckets; with `bar` (seconds), to buckets of that width and whole
        windows."""
        seconds = max(WINDOW_S, (until - since).total_seconds())
        bucket_s = bar or next((size for size in BUCKETS_S if seconds / size <= MOST_BUCKETS), DAY_S)
        step_s = WINDOW_S if bar else bucket_s
        start, step = floor(since, bucket_s), timedelta(seconds=step_s)
        end = floor(until - timedelta(microseconds=1), step_s) + step
        return cls(start, max(end, start + step), bucket_s, now, "the range", compare)

    @property
    def seconds(self) -> int:
        """Length of the period."""
        return int((self.until - self.since).total_seconds())

    @property
    def complete_until(self) -> datetime:
        """End of the last complete window of the period; its start where none is complete."""
        return max(self.since, min(self.until, floor(self.now - timedelta(seconds=GRACE_S), WINDOW_S)))

    @property
    def over(self) -> bool:
        """Whether all of it is complete: a range in the past."""
        return self.complete_until == self.until

    @property
    def rate_since(self) -> datetime:
        """Start of the complete windows that rates are of: the last minute of the period."""
        return self.complete_until - timedelta(seconds=RATE_S)

    @property
    def earlier(self) -> timedelta:
        """Distance to the earlier span."""
        return timedelta(seconds=DAY_S if self.compare == "yesterday" else self.seconds)

    @property
    def previous_since(self) -> datetime:
        """Start of the earlier span."""
        return self.since - self.earlier

    @property
    def previous_until(self) -> datetime:
        """End of the earlier span: as far into it as `complete_until` is into this one."""
        return self.complete_until - self.earlier

    @property
    def compared(self) -> str:
        """Name of the earlier span: `vs 15 min before`."""
        return "vs same time yesterday" if self.compare == "yesterday" else f"vs {self.label} before"

    def running(self, bucket: datetime) -> bool:
        """Whether the bucket that starts here may still grow: it ended less than the grace period ago, or not yet."""
        return min(self.until, bucket + timedelta(seconds=self.bucket_s)) > self.complete_until

    def buckets(self, first: datetime | None = None) -> list[datetime]:
        """Starts of the buckets, from the one that contains `first` (default: all)."""
        start = self.since if first is None else max(self.since, floor(first, self.bucket_s))
        step = self.bucket_s
        return [start + timedelta(seconds=at) for at in range(0, int((self.until - start).total_seconds()), step)]

    def per_second(self, events: int, first_window: datetime | None = None) -> float | None:
        """Rate of the complete windows of the last minute; None while none is complete.

        Divides by the time that data can cover, so that a pipeline that began 20 s ago does not look slow.
        """
        since = self.rate_since if first_window is None else max(self.rate_since, first_window)
        covered_s = (self.complete_until - since).total_seconds()
        return events / covered_s if covered_s > 0 else None

    def params(self) -> dict[str, Any]:
        """Parameters of queries: `$since`, `$until`, `$bucket_s`, `$now`, …"""
        names = ("since", "until", "bucket_s", "now", "complete_until", "rate_since", "previous_since")
        return {name: getattr(self, name) for name in (*names, "previous_until", "seconds")}
