"""What stands below a figure."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dashboard.components.tiles import Remark, changed
from dashboard.data.periods import BY_KEY, Period


@pytest.mark.parametrize(
    ("now", "before", "text", "arrow"),
    [
        (11, 10, "+10.0 %", True),
        (9, 10, "-10.0 %", True),
        (10, 10, "unchanged", False),
        (1, None, "no earlier data", False),
    ],
)
def test_a_change_points_somewhere_only_where_there_is_one(
    now: int, before: int | None, text: str, arrow: bool
) -> None:
    period = Period.last(BY_KEY["15m"], datetime(2026, 1, 31, 12, tzinfo=UTC))
    found = changed(now, before, period)
    assert (found.text, found.arrow) == (text, arrow)
    assert found.versus == (period.compared if before else None)


def test_nothing_is_said_where_nothing_is_compared() -> None:
    period = Period.last(BY_KEY["15m"], datetime(2026, 1, 31, 12, tzinfo=UTC), "none")
    assert changed(11, 10, period) == Remark()
