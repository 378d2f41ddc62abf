"""How a replica recovers where its client finds no coordinator any more: with a new one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from processors.analytics.service import Analytics
from streamgauge.runtime.settings import Settings


class Client:
    """A consumer that holds a partition; a stuck one never learns what its group has committed."""

    def __init__(self, *, stuck: bool) -> None:
        self.stuck, self.closed, self.subscribed = stuck, False, False

    def assignment(self) -> list[TopicPartition]:
        return [TopicPartition("orders", 0)]

    def committed(self, _held: object, timeout: float) -> list[TopicPartition]:
        assert self.stuck, "the new client is assigned first"
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"within {timeout:g} s"))

    def subscribe(self, *_: object, **__: object) -> None:
        self.subscribed = True

    def close(self) -> None:
        self.closed = True


def nothing(*_: object) -> Any:
    """Does nothing, well."""
    return True


def test_a_client_that_waits_for_its_coordinator_is_replaced() -> None:
    """Seen after a broker stood still for 20 s: every `committed` timed out, minutes after the broker was back."""
    stuck, fresh = Client(stuck=True), Client(stuck=False)
    analytics: Any = Analytics.__new__(Analytics)
    analytics._consumer, analytics._renew, analytics._topics = stuck, False, ["orders"]
    analytics._lost, analytics._transform = SimpleNamespace(take=nothing), SimpleNamespace(reset=nothing)
    analytics._transactions = SimpleNamespace(settle=nothing, reopen=nothing)
    analytics._count_partitions, analytics._settings, analytics._identity = nothing, Settings(), SimpleNamespace()
    analytics._app = SimpleNamespace(get_consumer=lambda auto_commit_enable: fresh)
    with pytest.raises(KafkaException):
        analytics.recover()
    analytics.recover()
    assert (stuck.closed, analytics._consumer, fresh.subscribed) == (True, fresh, True)
