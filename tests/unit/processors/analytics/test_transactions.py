"""A transaction against a scripted producer: what a failure says."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AclOperation

from processors.analytics import transactions
from processors.analytics.transactions import Outgoing, Transactions
from streamgauge.dead_letters.outputs import Outputs
from streamgauge.runtime import kafka
from streamgauge.runtime.errors import TransientError
from streamgauge.runtime.settings import Settings


class Producer:
    """Takes everything, and fails when it commits: without the topic, as Kafka refuses to add one to a transaction."""

    def __init__(self, _config: object) -> None:
        pass

    def commit_transaction(self, _timeout_s: float) -> None:
        raise KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))

    def __getattr__(self, _name: str) -> Any:
        return lambda *_args, **_options: None


class Broker:
    """An admin client of a broker that lets nobody write to these topics."""

    def __init__(self, *denied: str) -> None:
        self._denied = denied

    def describe_topics(self, topics: Any, **_options: Any) -> dict[str, Future[Any]]:
        """Kafka's own call, for one topic."""
        (name,) = topics.topic_names
        future: Future[Any] = Future()
        allowed = AclOperation.READ if name in self._denied else AclOperation.WRITE
        future.set_result(SimpleNamespace(authorized_operations=[allowed]))
        return {name: future}


def test_a_refusal_without_a_topic_names_the_one_that_may_not_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings()
    monkeypatch.setattr(transactions, "Producer", Producer)
    monkeypatch.setattr(kafka, "broker_answers", lambda _settings: True)
    broker: Any = Broker("orders.dlq")
    one = Transactions(settings, "name", threading.Event(), Outputs(settings, broker))
    assert one.reopen()
    written = [Outgoing("analytics", b"{}"), Outgoing("orders.dlq", b"{}"), Outgoing("payments.dlq", b"{}")]
    one.commit(written, [], None, lambda: None)
    with pytest.raises(TransientError, match="Write on the topic `orders.dlq`; grant it: .* --topic orders.dlq "):
        one.settle()
