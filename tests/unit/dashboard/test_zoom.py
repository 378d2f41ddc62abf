"""What the browser says of a drag over a chart is a range, or nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from dashboard.components import zoom


def test_two_times_are_a_range() -> None:
    assert zoom.read([1_795_478_400_000, 1_795_478_460_500.5]) == (
        datetime(2026, 11, 24, 0, 0, tzinfo=UTC),
        datetime(2026, 11, 24, 0, 1, 0, 500_500, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    "said",
    [None, 7, "123", [], [1], [1, 2, 3], [2, 1], [1, 1], ["a", "b"], [None, 1], [0, 1e300], [float("nan"), 1], [{}, 1]],
)
def test_whatever_else_is_said_is_none(said: Any) -> None:
    assert zoom.read(said) is None


def test_the_script_knows_charts_by_their_key_and_their_offset() -> None:
    """Two names that stand in Python and in the browser's script."""
    assert f'[class*="st-key-{zoom.CHART}"]' in zoom._JS
    assert f"meta.{zoom.OFFSET}" in zoom._JS
