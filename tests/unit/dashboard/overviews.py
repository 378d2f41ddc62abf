"""Overviews for tests: what the warehouse would have answered."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from dashboard.periods import BY_KEY, Period
from dashboard.results import Orders, Overview, Slice, StreamBucket, Traffic


def busy(now: datetime | None = None, **orders: object) -> Overview:
    """Two streams since ten minutes, 80 orders; `orders` replaces fields of `Orders`."""
    period = Period(BY_KEY["15m"], now or datetime.now(UTC))
    start = period.complete_until - timedelta(minutes=10)
    buckets = tuple(
        StreamBucket(start + timedelta(seconds=10 * number), stream, 100, 1 if stream == "orders" else 0, 2)
        for number in range(60)
        for stream in ("orders", "payments")
    )
    traffic = Traffic(buckets, 1_200, start, period.now - timedelta(seconds=0.6))
    sold = Orders(80, 1_234_567, 6, 1_200_000, 1_000_000, (Slice("eu-west", 80, 1_234_567),), (Slice("web", 80, 1),))
    return Overview(period, traffic, replace(sold, **orders))  # type: ignore[arg-type]


def empty(newest: datetime | None = None) -> Overview:
    """No events in the period; `newest` is an older one."""
    period = Period(BY_KEY["15m"], datetime.now(UTC))
    return Overview(period, Traffic((), 0, None, newest), Orders(0, 0, 0, 0, None, (), ()))
