"""Closing a circuit breaker: a record of the topic `audit`, which every analytics replica reads while one is open."""

from __future__ import annotations

import time
import uuid

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streamgauge.catalog import loader
from streamgauge.catalog.builtin.audit import AUDIT_TOPIC, CLOSE_BREAKER, Closing, OperatorActed
from streamgauge.dead_letters.retry.retrier import who
from streamgauge.runtime import kafka, log_reader
from streamgauge.runtime.connection.explain import explaining
from streamgauge.runtime.connection.rights import Right
from streamgauge.runtime.errors import TransientError, UsageError
from streamgauge.runtime.settings import Settings

_CALL_S = 15.0


def run(settings: Settings, stream: str, by: str | None = None) -> str:
    """Write the decision; returns what it means. Raises `UsageError`, `TransientError` where Kafka does not take it."""
    if stream not in loader.streams_of(settings.catalog).streams:
        raise UsageError(f"catalog `{settings.catalog}` has no stream `{stream}`")
    kafka.require_broker(settings)
    kafka.require_topics(settings, [AUDIT_TOPIC, stream])
    with explaining(settings, Right("Read", "topic", stream)):
        until = _ends(settings, stream)
    with explaining(settings, Right("Write", "topic", AUDIT_TOPIC)):
        _write(settings, _record(stream, until, by))
    return (
        f"{stream}: where its circuit breaker is open, analytics goes on within seconds, and dead-letters what is bad "
        f"in its {sum(until.values()):,} events so far; later ones are judged anew"
    )


def _ends(settings: Settings, stream: str) -> dict[int, int]:
    consumer = log_reader.consumer(settings, settings.analytics_group)
    try:
        return {
            part.partition: consumer.get_watermark_offsets(part, timeout=_CALL_S)[1]
            for part in log_reader.partitions(consumer, stream)
        }
    finally:
        consumer.close()


def _record(stream: str, until: dict[int, int], by: str | None) -> OperatorActed:
    return OperatorActed(
        action_id=uuid.uuid4().hex,
        acted_at=int(time.time() * 1_000),
        actor=(by or "").strip()[:1_000] or who(),
        role="operator",
        action=CLOSE_BREAKER,
        target=stream,
        detail=msgspec.json.encode(Closing(until)).decode(),
        outcome="done",
    )


def _write(settings: Settings, record: OperatorActed) -> None:
    errors: list[KafkaError] = []

    def delivered(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            errors.append(error)

    producer = Producer({**kafka.producer_config(settings), "enable.idempotence": True, **kafka.QUIET})
    producer.produce(AUDIT_TOPIC, msgspec.json.encode(record), record.action_id.encode(), on_delivery=delivered)
    if producer.flush(_CALL_S) and not errors:
        raise TransientError("Kafka did not take it: no answer")
    if errors:
        raise KafkaException(errors[0])
