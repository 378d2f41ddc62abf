"""Freshness of a stream or table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from streamgauge.domain.freshness import Freshness, age_s

NOON = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("age", "state"),
    [(None, Freshness.EMPTY), (0.0, Freshness.FRESH), (15.0, Freshness.FRESH), (15.1, Freshness.STALE)],
)
def test_freshness(age: float | None, state: Freshness) -> None:
    assert Freshness.of(age) is state


def test_age_is_never_negative() -> None:
    assert age_s(NOON + timedelta(seconds=1), NOON) == 0.0
    assert age_s(None, NOON) is None
