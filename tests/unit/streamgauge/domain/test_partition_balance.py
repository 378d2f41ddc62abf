"""Skew of a topic's partitions, and from when on the busiest one is hot."""

from __future__ import annotations

import pytest

from streamgauge.domain import partition_balance


@pytest.mark.parametrize(
    ("produced", "ratio", "hot"),
    [
        ([], None, False),
        ([0.0, 0.0], None, False),
        ([50.0, 50.0], 1.0, False),
        ([75.0, 25.0], 1.5, True),
        ([74.0, 26.0], 1.48, False),
        ([100.0], 1.0, False),
        ([10.0, 0.0, 0.0, 0.0, 0.0, 0.0], 6.0, True),
        ([1.0, 0.0, 0.0, 0.0, 0.0, 0.0], 6.0, False),
    ],
)
def test_skew(produced: list[float], ratio: float | None, hot: bool) -> None:
    assert partition_balance.skew_ratio(produced) == ratio
    assert partition_balance.is_hot(produced) is hot
