"""Payments for tests of fraud, a reader of whole topics, and what the verdicts must be by the log of the steps."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from processors.fraud.memory import CardMemory, CustomerMemory, Payment
from processors.fraud.rules import Limits
from processors.fraud.service import CARD, STEPS
from processors.fraud.verdict import events, judge_card, judge_customer
from streamgauge.catalog.commerce.events import FraudEvent, PaymentEvent
from tests.support.rig import ordered_producer

_encode = msgspec.json.Encoder().encode


def request(number: str, customer: str, *, attempt: int = 1, **fields: Any) -> PaymentEvent:
    """An attempt to pay; a further attempt is another event of the same payment."""
    known: dict[str, Any] = {
        "event_id": f"e-{number}-{attempt}",
        "event_type": "payment.requested",
        "occurred_at": int(time.time() * 1_000),
        "source": "test",
        "schema_version": 1,
        "payment_id": f"P-{number}",
        "order_id": f"O-{number}",
        "customer_id": customer,
        "method": "card",
        "amount_cents": 5_000,
        "currency": "EUR",
        "card": f"K-{customer}",
        "region": "eu",
    }
    known |= fields
    if known["method"] != "card":
        known["card"] = None
    return PaymentEvent(**known)


def send(bootstrap: str, paid: Iterable[PaymentEvent]) -> None:
    """Publish them all."""
    producer = ordered_producer(bootstrap)
    for event in paid:
        producer.produce("payments", _encode(event), event.order_id.encode())
        producer.poll(0)
    assert producer.flush(60) == 0


class Topic:
    """What a read-committed reader sees of a topic, from its beginning."""

    def __init__(self, bootstrap: str, topic: str, partitions: int) -> None:
        self.messages: list[Message] = []
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"reader-of-{topic}",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
            }
        )
        self._partitions, self._ends = partitions, set[int | None]()
        self._consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(partitions)])

    def read(self) -> list[Message]:
        """All there is: at the first call to the end of every partition; later, what has come in the meantime."""
        while True:
            messages = self._consumer.consume(1_000, 0.2)
            for message in messages:
                error = message.error()
                if error is None:
                    self.messages.append(message)
                elif error.code() == KafkaError._PARTITION_EOF:
                    self._ends.add(message.partition())
            # A partition tells of its end once: at the first time, and after each thing that came.
            if not messages and len(self._ends) == self._partitions:
                return self.messages

    def close(self) -> None:
        """Close the reader."""
        self._consumer.close()


class Fraud(Topic):
    """The events of `fraud`."""

    def __init__(self, bootstrap: str, partitions: int) -> None:
        super().__init__(bootstrap, "fraud", partitions)

    def events(self) -> list[FraudEvent]:
        """All there are by now."""
        return [msgspec.json.decode(message.value() or b"", type=FraudEvent) for message in self.read()]

    def verdicts(self) -> Counter[str]:
        """How many verdicts each order has."""
        return Counter(event.order_id for event in self.events() if event.event_type != "fraud.flagged")


def by_the_log(steps: Sequence[Message], limits: Limits) -> tuple[list[Payment], list[Payment], list[FraudEvent]]:
    """What the pure rules make of the log of the steps, key by key in the order of the log.

    Returns what the step by card must have passed on, what it did pass on, and the events that must be in `fraud`,
    dated 0.
    """
    cards: dict[bytes, CardMemory] = defaultdict(CardMemory)
    customers: dict[bytes, CustomerMemory] = defaultdict(CustomerMemory)
    right: list[Payment] = []
    passed: list[Payment] = []
    said: list[FraudEvent] = []
    for message in steps:
        key = message.key() or b""
        payment = msgspec.json.decode(message.value() or b"", type=Payment)
        if key.startswith(CARD.encode()):
            judged = judge_card(payment, cards[key], limits)
            if judged is not None:
                cards[key], after = judged
                right.append(after)
            continue
        if payment.card is not None and not payment.refunded:
            passed.append(payment)
        step = judge_customer(payment, customers[key], limits)
        if step is not None:
            customers[key], findings = step
            said += [] if findings is None else events(payment, findings, limits, 0)
    return right, passed, said


def undated(said: Iterable[FraudEvent]) -> dict[str, list[FraudEvent]]:
    """Events by customer, in their order, dated 0."""
    found: dict[str, list[FraudEvent]] = defaultdict(list)
    for event in said:
        found[event.customer_id].append(msgspec.structs.replace(event, occurred_at=0))
    return dict(found)


def differences(bootstrap: str, partitions: int, limits: Limits) -> list[str]:
    """Whatever the service did otherwise than the pure rules do with the same sequence; empty is right."""
    steps, fraud = Topic(bootstrap, STEPS, partitions), Fraud(bootstrap, partitions)
    right, passed, said = by_the_log(steps.read(), limits)
    missing = Counter(map(_encode, right))
    missing.subtract(Counter(map(_encode, passed)))
    found = [f"passed on by cards: {count:+d} {value!r}" for value, count in missing.items() if count]
    expected_events, seen_events = undated(said), undated(fraud.events())
    found += [
        f"customer {customer}: expected {expected_events.get(customer)}, is {seen_events.get(customer)}"
        for customer in sorted(expected_events.keys() | seen_events.keys())
        if expected_events.get(customer) != seen_events.get(customer)
    ]
    steps.close()
    fraud.close()
    return found
