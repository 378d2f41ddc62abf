"""What a consumer reports instead of a message."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from confluent_kafka import KafkaError

from processors.analytics.service import Analytics


class Report:
    """As `consume` returns it: a message that is an error."""

    def __init__(self, code: int, words: str) -> None:
        self._error = KafkaError(code, words)

    def error(self) -> KafkaError:
        return self._error


@pytest.mark.parametrize(
    ("words", "level"),
    [
        pytest.param(
            "no previously committed offset available: Local: No offset stored (broker -1)",
            logging.DEBUG,
            id="new group",
        ),
        pytest.param(
            "fetch failed due to requested offset not available on the broker: Broker: Offset out of range (broker 1)",
            logging.WARNING,
            id="out of range",
        ),
    ],
)
def test_a_group_that_never_committed_has_lost_nothing(
    words: str, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Either way it resumes from the committed offsets, and from the beginning where there are none."""
    analytics: Any = Analytics.__new__(Analytics)
    with caplog.at_level(logging.DEBUG, "streamgauge"):
        assert not analytics._usable(Report(KafkaError._AUTO_OFFSET_RESET, words))
    assert [record.levelno for record in caplog.records] == [level]
    assert analytics._rebalanced
