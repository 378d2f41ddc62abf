"""What a page's time range means: its buckets, what of it is complete, and what it is compared with. No clock.

    |<------- previous ------->|<------------- period ------------->|
    previous_since   previous_until  since          complete_until  now  until
                                     | bucket | bucket | … | running bucket |

A period is a whole number of buckets, the last one running. Comparison is like with like: the complete windows of the
period against the same span one period earlier.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

WINDOW_S = 10
# A window may still grow for the second that an event takes through the pipeline; later ones count as late.
GRACE_S = 2
# Rates are of the last minute, so that they say "now" and do not jump with every window.
RATE_S = 60


@dataclass(frozen=True)
class Range:
    """A choice of the time-range picker; both lengths are multiples of a window."""

    key: str
    label: str
    seconds: int
    bucket_s: int


RANGES = (
    Range("5m", "5 min", 300, 10),
    Range("15m", "15 min", 900, 10),
    Range("1h", "1 h", 3_600, 60),
    Range("6h", "6 h", 21_600, 300),
    Range("24h", "24 h", 86_400, 900),
    Range("7d", "7 d", 604_800, 3_600),
)
DEFAULT = "15m"
BY_KEY = {choice.key: choice for choice in RANGES}


def floor(time: datetime, seconds: int) -> datetime:
    """The latest multiple of `seconds` since the epoch that is not after `time`."""
    return datetime.fromtimestamp(int(time.timestamp()) // seconds * seconds, UTC)


@dataclass(frozen=True)
class Period:
    """A range at a moment. All times are UTC, spans are half-open."""

    range: Range
    now: datetime

    @property
    def until(self) -> datetime:
        """End of the running bucket."""
        return floor(self.now, self.range.bucket_s) + timedelta(seconds=self.range.bucket_s)

    @property
    def since(self) -> datetime:
        """Start of the first bucket."""
        return self.until - timedelta(seconds=self.range.seconds)

    @property
    def complete_until(self) -> datetime:
        """End of the last complete window."""
        return floor(self.now - timedelta(seconds=GRACE_S), WINDOW_S)

    @property
    def rate_since(self) -> datetime:
        """Start of the complete windows that rates are of."""
        return self.complete_until - timedelta(seconds=RATE_S)

    @property
    def previous_since(self) -> datetime:
        """Start of the period before."""
        return self.since - timedelta(seconds=self.range.seconds)

    @property
    def previous_until(self) -> datetime:
        """End of what is compared: as far into the period before as `complete_until` is into this one."""
        return self.complete_until - timedelta(seconds=self.range.seconds)

    def running(self, bucket: datetime) -> bool:
        """Whether the bucket that starts here may still grow: not over yet, or over for less than the grace."""
        return bucket + timedelta(seconds=self.range.bucket_s) > self.complete_until

    def buckets(self, first: datetime | None = None) -> list[datetime]:
        """Starts of the buckets, from the one that holds `first` on (or all)."""
        start = self.since if first is None else max(self.since, floor(first, self.range.bucket_s))
        step = self.range.bucket_s
        return [start + timedelta(seconds=at) for at in range(0, int((self.until - start).total_seconds()), step)]
