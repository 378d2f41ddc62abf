"""The remark below a figure: its change."""

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
def test_only_a_change_has_an_arrow(now: int, before: int | None, text: str, arrow: bool) -> None:
    period = Period.last(BY_KEY["15m"], datetime(2026, 1, 31, 12, tzinfo=UTC))
    remark = changed(now, before, period)
    assert (remark.text, remark.arrow) == (text, arrow)
    assert remark.versus == (period.compared if before else None)


def test_without_comparison_there_is_no_remark() -> None:
    period = Period.last(BY_KEY["15m"], datetime(2026, 1, 31, 12, tzinfo=UTC), "none")
    assert changed(11, 10, period) == Remark()
