"""What is wrong with the topics of streams: an obstacle sets a stream aside, a fault is shown while it is read."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest

from processors.analytics.aside.inputs import Inputs
from streamgauge.catalog import loader
from streamgauge.runtime.settings import Settings

STREAMS = loader.streams_of(Settings().catalog).streams
WEEK = {"retention.ms": "604800000", "retention.bytes": "-1"}
FOR_EVER = {"retention.ms": "-1", "retention.bytes": "-1"}


class Broker:
    """An admin client of a broker with these topics, by name their configuration."""

    def __init__(self, configs: dict[str, dict[str, str]]) -> None:
        self._configs = configs

    def describe_topics(self, topics: Any, **_options: Any) -> dict[str, Future[Any]]:
        """Kafka's own call; this user may do everything."""
        return {name: answered(SimpleNamespace(authorized_operations=None)) for name in topics.topic_names}

    def describe_configs(self, resources: list[Any], **_options: Any) -> dict[Any, Future[Any]]:
        """Kafka's own call."""
        return {
            one: answered({name: SimpleNamespace(value=value) for name, value in self._configs[one.name].items()})
            for one in resources
        }


def answered(answer: Any) -> Future[Any]:
    """A future with its answer."""
    future: Future[Any] = Future()
    future.set_result(answer)
    return future


@pytest.mark.parametrize(
    ("topic", "policy", "kept", "aside", "fault"),
    [
        ("orders", "delete", WEEK, False, False),
        ("orders", "compact", WEEK, True, False),
        ("orders", "compact,delete", WEEK, True, False),
        ("campaigns", "compact", WEEK, False, False),
        ("campaigns", "delete", WEEK, False, True),
        ("campaigns", "compact,delete", {**FOR_EVER, "retention.bytes": "1000"}, False, True),
        ("campaigns", "delete", FOR_EVER, False, False),
    ],
)
def test_a_wrong_cleanup_policy(topic: str, policy: str, kept: dict[str, str], aside: bool, fault: bool) -> None:
    """One that loses events of sums sets the stream aside; one that loses reference data later is shown."""
    client: Any = Broker({topic: {"cleanup.policy": policy, **kept}})
    obstacles, faults = Inputs(Settings(), {topic: STREAMS[topic]}, client).check()
    assert [(one.stream, one.cause) for one in obstacles] == [(topic, "topic")] * aside
    assert [(one.stream, one.subject) for one in faults] == [(topic, f"retention of {topic}")] * fault
    if fault:
        assert "set cleanup.policy=compact" in faults[0].text
