"""When the warehouse flushes: at the interval with few rows, in whole row groups with many."""

from __future__ import annotations

import pytest

from streamgauge.warehouse.writer import FEW_ROWS, FLUSH_BYTES, FULL_ROWS, due


@pytest.mark.parametrize(
    ("late_s", "rows", "size", "quiet_s", "merges"),
    [
        (-0.1, 100, 0, 0.0, False),  # the interval is not over
        (0.0, 0, 0, 0.0, True),
        (0.0, FEW_ROWS - 1, 0, 0.0, True),  # few rows: at the end of the interval
        (0.0, FEW_ROWS, 0, 0.0, False),  # many rows: wait for a whole row group
        (1.74, FULL_ROWS - 1, 0, 0.0, False),
        (1.75, FEW_ROWS, 0, 0.0, True),  # at most seven intervals more
        (-0.2, FULL_ROWS, 0, 0.0, True),
        (-0.2, 10, FLUSH_BYTES, 0.0, True),
        (0.1, FEW_ROWS, 0, 0.5, True),  # nothing arrives any more
        (-0.1, FEW_ROWS, 0, 0.5, False),
    ],
)
def test_due(late_s: float, rows: int, size: int, quiet_s: float, merges: bool) -> None:
    assert due(late_s, rows, size, interval_s=0.25, quiet_s=quiet_s) is merges
