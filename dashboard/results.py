"""What the warehouse answers to the pages' questions: small, frozen, typed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dashboard.periods import Period


@dataclass(frozen=True)
class StreamBucket:
    """What one stream carried in one bucket; `events` counts dead letters too."""

    start: datetime
    stream: str
    events: int
    dead_letters: int
    late: int


@dataclass(frozen=True)
class Traffic:
    """All streams over a period. `newest` is the newest event time there is, None before the first event ever."""

    buckets: tuple[StreamBucket, ...]
    recent: int
    first_window: datetime | None
    newest: datetime | None

    @property
    def events(self) -> int:
        """Events of the period, good and bad, running window included."""
        return sum(bucket.events for bucket in self.buckets)

    @property
    def dead_letters(self) -> int:
        """Events of the period that could not be processed."""
        return sum(bucket.dead_letters for bucket in self.buckets)

    @property
    def late(self) -> int:
        """Events of the period that were merged into a window that was over."""
        return sum(bucket.late for bucket in self.buckets)


@dataclass(frozen=True)
class Slice:
    """Orders of one region or channel."""

    name: str
    orders: int
    revenue_cents: int


@dataclass(frozen=True)
class Orders:
    """Placed orders over a period. `previous_cents` is None where data does not reach back that far."""

    orders: int
    revenue_cents: int
    recent: int
    complete_cents: int
    previous_cents: int | None
    regions: tuple[Slice, ...]
    channels: tuple[Slice, ...]


@dataclass(frozen=True)
class Overview:
    """Everything on the Overview, of one moment. `orders` is None with a catalog that has no `order_windows`."""

    period: Period
    traffic: Traffic
    orders: Orders | None
