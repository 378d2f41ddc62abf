"""The wait for a batch is what its work left of the interval."""

import pytest

from streamgauge.runtime.cadence import Cadence


@pytest.mark.parametrize(
    ("calls", "due"),
    [
        ([100.0], [100.5]),
        ([100.0, 100.7], [100.5, 101.5]),
        ([100.0, 100.7, 102.4], [100.5, 101.5, 102.9]),
        ([100.0, 150.0], [100.5, 150.5]),
        ([100.0, 100.2, 100.4], [100.5, 101.2, 101.4]),
    ],
    ids=["first", "short work", "long work leaves half", "a pause is not made up for", "batches full before time"],
)
def test_deadlines(calls: list[float], due: list[float]) -> None:
    cadence = Cadence(1.0)
    assert [pytest.approx(cadence.next(now)) for now in calls] == due
