"""Freshness of a stream or table: how old its newest visible event is, and whether that is too old. Pure."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

# Longer than a window and the path through the pipeline: at any steady rate something should have come.
STALE_AFTER_S = 15.0


class Freshness(Enum):
    """How old the newest visible event is."""

    EMPTY = "empty"
    FRESH = "fresh"
    STALE = "stale"

    @classmethod
    def of(cls, age_s: float | None) -> Freshness:
        """Judge the age of the newest visible event; None: there has never been one."""
        if age_s is None:
            return cls.EMPTY
        return cls.STALE if age_s > STALE_AFTER_S else cls.FRESH


def age_s(newest: datetime | None, now: datetime) -> float | None:
    """Seconds since `newest`, at least 0; None where nothing was seen."""
    return None if newest is None else max(0.0, (now - newest).total_seconds())
