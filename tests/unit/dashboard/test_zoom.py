"""The range that the browser sends after a drag over a chart."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from dashboard.components import zoom

# As plotly writes times: without what is zero at the end.
TIMES = ["2026-11-24", "2026-11-24 00:01:00.5"]


@pytest.mark.parametrize(("offset_s", "hour"), [(0, 0), (-7_200.0, 2)])
def test_two_times_as_drawn_are_a_range_in_utc(offset_s: float, hour: int) -> None:
    assert zoom.read({"range": TIMES, "offset_s": offset_s}) == (
        datetime(2026, 11, 24, hour, 0, tzinfo=UTC),
        datetime(2026, 11, 24, hour, 1, 0, 500_000, tzinfo=UTC),
    )


@pytest.mark.parametrize("offset_s", [0, None, "a", 1e300, float("nan")])
@pytest.mark.parametrize(
    "times", [None, 7, "123", [], TIMES[:1], [*TIMES, TIMES[0]], TIMES[::-1], [TIMES[0]] * 2, ["a", "b"], [None, 1]]
)
def test_any_other_value_is_none(times: Any, offset_s: Any) -> None:
    assert zoom.read({"range": times, "offset_s": offset_s}) is None


@pytest.mark.parametrize("value", [None, 7, [], {}, {"range": TIMES}, {"offset_s": 0}])
def test_any_other_message_is_none(value: Any) -> None:
    assert zoom.read(value) is None
