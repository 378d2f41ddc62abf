"""Only acknowledged events are in the ledger, whatever fails."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from generators.ledger import Ledger
from generators.publisher import Publisher, producer_config
from generators.shop import Shop
from streamgauge.runtime import settings

EVENTS = list(Shop(1, 1_760_000_000_000).events(1_000))
Report = Callable[[KafkaError | None, object], None]


class FakeProducer:
    """Behaves like librdkafka: a bounded queue, reports while polling, a purge that reports errors."""

    def __init__(self, room: int = 100, answers: int = 50, refuse: int | None = None) -> None:
        self.waiting: deque[Report] = deque()
        self.room = room
        self.answers = answers
        self.refuse = refuse
        self.taken = 0

    def produce(self, topic: str, value: bytes | None, key: str, on_delivery: Report) -> None:
        if len(self.waiting) >= self.room:
            raise BufferError("queue full")
        self.taken += 1
        if self.taken == self.refuse:
            raise KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))
        self.waiting.append(on_delivery)

    def poll(self, _timeout: float) -> int:
        for count in range(self.answers):
            if not self.waiting:
                return count
            self.waiting.popleft()(None, object())
        return self.answers

    def purge(self) -> None:
        for report in self.waiting:
            report(KafkaError(KafkaError._PURGE_QUEUE), object())
        self.waiting.clear()

    def flush(self, _timeout: float) -> int:
        return len(self)

    def __len__(self) -> int:
        return len(self.waiting)


def publisher(**manners: Any) -> tuple[Publisher, Ledger, FakeProducer]:
    producer, ledger = FakeProducer(**manners), Ledger()
    return Publisher(lambda **_: producer, ledger), ledger, producer


def test_send_waits_while_the_queue_is_full() -> None:
    out, ledger, _ = publisher(room=10, answers=3)
    out.send(EVENTS, lambda: True)
    out.finish(lambda: False)
    expected = Ledger()
    expected.add(EVENTS)
    assert out.acknowledged == 1_000
    assert ledger.totals() == expected.totals()


def test_unacknowledged_events_count_as_undelivered() -> None:
    out, ledger, _ = publisher(room=400, answers=0)
    patience = iter([True, True, False])
    out.send(EVENTS[:401], lambda: next(patience))
    out.finish(lambda: True)
    assert (out.acknowledged, out.undelivered) == (0, 401)
    assert ledger.totals()["produced"] == 0
    assert ledger.totals()["undelivered"] == 401
    assert out.failure is None


def test_a_rejected_event_is_a_failure_and_only_it_is_missing() -> None:
    out, ledger, _ = publisher(room=2_000, refuse=7)
    out.send(EVENTS, lambda: True)
    assert out.failure is not None
    for _ in range(40):
        out.poll()
    assert (out.acknowledged, out.undelivered) == (999, 1)
    expected = Ledger()
    expected.add(EVENTS[:6] + EVENTS[7:])
    assert ledger.totals()["types"] == expected.totals()["types"]


def test_an_error_in_a_report_is_a_failure() -> None:
    out, ledger, producer = publisher(room=2_000, answers=0)
    out.send(EVENTS[:5], lambda: True)
    producer.waiting.popleft()(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED), object())
    out.finish(lambda: False)
    assert out.failure is not None
    assert out.undelivered == 5
    assert ledger.totals()["produced"] == 0


def test_the_producer_is_idempotent_and_partitions_like_java() -> None:
    config = producer_config(settings.load({}))
    assert config["enable.idempotence"] is True
    assert config["acks"] == "all"
    assert config["message.timeout.ms"] == 0
    assert config["partitioner"] == "murmur2_random"


def test_acknowledged_duplicates_are_counted_separately() -> None:
    sender, ledger, _ = publisher(room=2_000, answers=50)
    sender.send(EVENTS, lambda: True)
    sender.send(EVENTS[:100], lambda: True, copies=True)
    sender.finish(lambda: False)
    totals = ledger.totals()
    assert (sender.acknowledged, totals["produced"], totals["duplicates"]) == (1_000, 1_000, 100)

    sender, ledger, _ = publisher(room=2_000, answers=0)
    sender.send(EVENTS[:100], lambda: True, copies=True)
    sender.finish(lambda: True)
    assert (ledger.totals()["duplicates"], sender.undelivered) == (0, 0)
