"""When a message arrived, by the kind of its timestamp."""

from __future__ import annotations

import pytest
from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_LOG_APPEND_TIME, TIMESTAMP_NOT_AVAILABLE

from processors.analytics.arrival import ABSENT, LATEST, arrivals, timestamps

NOW = 1_800_000_000_000


@pytest.mark.parametrize(
    ("kind", "time", "arrived", "again"),
    [
        (TIMESTAMP_LOG_APPEND_TIME, NOW - 5_000, NOW - 5_000, NOW - 5_000),
        (TIMESTAMP_LOG_APPEND_TIME, NOW + 5_000, NOW, NOW),
        (TIMESTAMP_CREATE_TIME, NOW - 5_000, NOW, NOW - 5_000),
        (TIMESTAMP_CREATE_TIME, NOW + 5_000, NOW, NOW),
        (TIMESTAMP_CREATE_TIME, ABSENT, NOW, NOW),
        (TIMESTAMP_NOT_AVAILABLE, ABSENT, NOW, NOW),
    ],
)
def test_a_broker_is_believed_and_a_producer_is_not(kind: int, time: int, arrived: int, again: int) -> None:
    """Alone, and among others: a topic may have changed its setting."""
    for before in ([], [(TIMESTAMP_LOG_APPEND_TIME, NOW)], [(TIMESTAMP_CREATE_TIME, NOW)]):
        assert arrivals([*before, (kind, time)], NOW)[-1] == arrived
        assert arrivals([*before, (kind, time)], NOW, again=True)[-1] == again


def test_what_is_no_time_is_absent() -> None:
    stamps = [(TIMESTAMP_CREATE_TIME, time) for time in (ABSENT, -5, 0, NOW, LATEST, LATEST + 1, NOW * 1_000_000)]
    assert timestamps(stamps) == [ABSENT, ABSENT, 0, NOW, LATEST, ABSENT, ABSENT]
    assert timestamps([]) == []
