"""The range that the browser sends after a drag over a chart."""

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
    "value",
    [None, 7, "123", [], [1], [1, 2, 3], [2, 1], [1, 1], ["a", "b"], [None, 1], [0, 1e300], [float("nan"), 1], [{}, 1]],
)
def test_any_other_value_is_none(value: Any) -> None:
    assert zoom.read(value) is None


def test_the_script_has_the_key_and_the_offset_of_charts() -> None:
    """Two names that Python and the script in the browser share."""
    assert f'[class*="st-key-{zoom.CHART}"]' in zoom._JS
    assert f"meta.{zoom.OFFSET}" in zoom._JS
