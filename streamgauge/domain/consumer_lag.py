"""Figures of consumer lag and how long a sample counts: rates, catch-up time, retention, staleness. Pure.

None is unknown. What the figures mean together is in lag_status.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from streamgauge.domain.lag_status import MARKER

# Prefix of the changelogs of Quix Streams, which nobody commits.
CHANGELOG = "changelog__"
# A row older than this many sampling intervals before the newest sample is of a group or topic that is gone.
CURRENT_INTERVALS = 2.5
# A newest sample older than this many intervals, and a margin, no longer describes the present.
STALE_INTERVALS, STALE_MARGIN_S = 3.0, 5.0


def current_within_ms(interval_s: float) -> int:
    """How much older than the newest row a row of the newest sample may be (ms)."""
    return int(CURRENT_INTERVALS * interval_s * 1_000)


def stale_after_s(interval_s: float) -> float:
    """The age beyond which the newest sample no longer describes the present."""
    return STALE_INTERVALS * interval_s + STALE_MARGIN_S


def per_second(window: Sequence[tuple[int, int]]) -> float | None:
    """Offsets a second between the first and last of (ms, offset); None with fewer than two, or when it went back."""
    if len(window) < 2 or any(b[1] < a[1] for a, b in pairwise(window)):
        return None
    seconds = (window[-1][0] - window[0][0]) / 1_000
    return (window[-1][1] - window[0][1]) / seconds if seconds > 0 else None


def catch_up_s(lag: int | None, consumed: float | None, produced: float | None) -> float | None:
    """Seconds until the lag is 0 at these rates; None when it does not shrink or a rate is unknown."""
    if lag is None:
        return None
    if lag <= MARKER:
        return 0.0
    if consumed is None or produced is None or consumed <= produced:
        return None
    return lag / (consumed - produced)


def retention_used(lag: int | None, oldest: int | None, end: int) -> float | None:
    """Share of the retained log that is not read yet; at 1 the next event to be read is the next to be deleted."""
    if lag is None or oldest is None:
        return None
    return min(1.0, lag / (end - oldest)) if end > oldest else 0.0
