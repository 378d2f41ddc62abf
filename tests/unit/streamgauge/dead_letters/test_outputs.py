"""What topics take: asked of the broker, or learnt from refusals."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AclOperation

from streamgauge.dead_letters import outputs
from streamgauge.dead_letters.outputs import BATCH_BYTES, USUAL_BYTES, Outputs
from streamgauge.runtime.settings import Settings

TOO_LARGE = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)


class Broker:
    """An admin client of a broker that has these limits; an error code in a limit's place is its answer."""

    def __init__(self, limits: dict[str, int]) -> None:
        self.limits, self.asked = limits, list[str]()
        self.operations: list[AclOperation] = [AclOperation.WRITE]

    def describe_configs(self, resources: list[Any], **_options: Any) -> dict[Any, Future[Any]]:
        """Kafka's own call."""
        self.asked += [resource.name for resource in resources]
        return {resource: self._answer(resource.name) for resource in resources}

    def describe_topics(self, topics: Any, **_options: Any) -> dict[str, Future[Any]]:
        """Kafka's own call, for one topic."""
        future: Future[Any] = Future()
        future.set_result(SimpleNamespace(authorized_operations=self.operations))
        return dict.fromkeys(["orders.dlq"], future)

    def _answer(self, topic: str) -> Future[Any]:
        future: Future[Any] = Future()
        limit = self.limits.get(topic, KafkaError.UNKNOWN_TOPIC_OR_PART)
        if limit < 50:
            future.set_exception(KafkaException(KafkaError(limit)))
        else:
            future.set_result({"max.message.bytes": SimpleNamespace(value=str(limit))})
        return future


def made(monkeypatch: pytest.MonkeyPatch, **limits: int) -> tuple[Outputs, Broker]:
    """Outputs with the limits of `<name>.dlq`; every call asks anew."""
    monkeypatch.setattr(outputs, "_FRESH_S", 0.0)
    broker = Broker({f"{name}.dlq": limit for name, limit in limits.items()})
    return Outputs(Settings(), broker), broker


def test_limits_are_asked_for_and_small_ones_make_small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    out, broker = made(monkeypatch, orders=100_000, payments=60)
    assert (out.limit("orders.dlq"), out.batch_bytes) == (USUAL_BYTES, BATCH_BYTES)
    out.ask(["orders.dlq", "payments.dlq"])
    assert (out.limit("orders.dlq"), out.obstacle("orders.dlq")) == (100_000, None)
    assert "max.message.bytes=60;" in (out.obstacle("payments.dlq") or "")
    # What takes nothing gets nothing: it is no reason for small batches.
    assert 90_000 < out.batch_bytes < 100_000
    broker.limits["payments.dlq"] = 1_000
    out.ask(["payments.dlq"])
    assert out.obstacle("payments.dlq") is None


def test_a_topic_that_is_gone_or_denied(monkeypatch: pytest.MonkeyPatch) -> None:
    out, broker = made(monkeypatch, denied=KafkaError.TOPIC_AUTHORIZATION_FAILED)
    out.ask(["orders.dlq", "denied.dlq"])
    assert out.obstacle("orders.dlq") == "topic `orders.dlq` does not exist; create it with `streamgauge topics`"
    assert out.obstacle("denied.dlq") is None, "this user may write without being allowed to ask"
    assert out.may_write("orders.dlq") is None
    broker.operations = [AclOperation.READ]
    assert "refuses User:ANONYMOUS Write on the topic `orders.dlq`" in (out.may_write("orders.dlq") or "")
    broker.limits["orders.dlq"] = 1_000_000
    out.ask(["orders.dlq"])
    assert out.obstacle("orders.dlq") is None


@pytest.mark.parametrize("told", [True, False])
def test_refusals_teach_and_end(monkeypatch: pytest.MonkeyPatch, told: bool) -> None:
    """Each halves what the topic is thought to take, until it is plain that it takes nothing."""
    out, _broker = made(monkeypatch, orders=400_000 if told else KafkaError.TOPIC_AUTHORIZATION_FAILED)
    out.ask(["orders.dlq"])
    before = out.limit("orders.dlq")
    assert out.refused("orders.dlq", TOO_LARGE) is None
    assert out.limit("orders.dlq") == before // 2
    out.ask(["orders.dlq"])
    assert out.limit("orders.dlq") == before // 2, "the broker says what it said before"
    reasons = [out.refused("orders.dlq", TOO_LARGE) for _ in range(15)]
    assert any(reasons)
    assert reasons.index(next(filter(None, reasons))) < (4 if told else 13)
    out.accepted(["orders.dlq"])
    assert out.obstacle("orders.dlq") is None
